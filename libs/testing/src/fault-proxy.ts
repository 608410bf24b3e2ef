import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientMessages } from './fault-proxy-messages.js';

/** How the network is, for the connections that are open and those to come. What is not named is fine. */
export interface Weather {
  /** Half open: connections are accepted and kept, and not a byte passes, either way. */
  isSilent?: boolean;
  /** New connections are reset at once. Those that are open live on. */
  refuses?: boolean;
  /** Each packet is held for so long, each way. */
  delayMs?: number;
  /** Each way, each connection. */
  bytesPerSecond?: number;
  /** A connection is reset when the server has sent so many bytes on it from now on. */
  cutAfterBytes?: number;
}

/**
 * What becomes of a statement: `pass`; `cut`, the connection is reset and the server never sees it; `lose reply`, the
 * server carries it out, and the connection is reset in place of its answer.
 */
export type Fate = 'pass' | 'cut' | 'lose reply';

/** Told of a statement that matches, before the server sees it. A promise holds the statement until it resolves. */
export type StatementHandler = (statement: string) => Fate | Promise<Fate>;

interface Watch {
  matches: string | RegExp;
  handle: StatementHandler;
}

const SLICES_A_SECOND = 10;

/**
 * A bad network between a program and PostgreSQL: forwards TCP to the server of a URL, and does harm when told to.
 *
 *     const proxy = await FaultProxy.before(serverUrl);
 *     new Database({ url: proxy.through(loginUrl), … });
 *     proxy.weather({ isSilent: true });              // until proxy.weather({})
 *     proxy.reset();                                  // every open connection, now
 *     await proxy.onceOn('COMMIT', 'lose reply');     // resolves when it has happened
 *     proxy.onStatement(/FROM job/, async () => { await hold; return 'pass'; });
 *     await proxy.close();
 *
 * It reads the protocol only to find statements, and needs connections without TLS.
 */
export class FaultProxy {
  private readonly links = new Set<Link>();
  private readonly watches = new Set<Watch>();
  private current: Weather = {};

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (client) => {
      this.accept(client);
    });
  }

  /** Stands before the server that the URL names, on a port of its own of 127.0.0.1. */
  static async before(serverUrl: string): Promise<FaultProxy> {
    const { hostname, port } = new URL(serverUrl);
    // What one side has ended, the other may still be answering.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server, { host: hostname, port: Number(port || 5432) });
  }

  get port(): number {
    // A TCP server that listens has an address of this form.
    return (this.server.address() as AddressInfo).port;
  }

  /** How many connections of clients are open. */
  get open(): number {
    return this.links.size;
  }

  /** The same URL, by way of this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.port);
    return changed.toString();
  }

  /** From now on the network is so; `{}` heals it. What was held back passes when the silence ends. */
  weather(weather: Weather): void {
    this.current = weather;
    for (const link of this.links) link.change(weather);
  }

  /** Resets every open connection (RST): both sides see a broken one. */
  reset(): void {
    for (const link of this.links) link.reset();
  }

  /** Ends every open connection politely (FIN), as a server does that was told to stop. */
  drop(): void {
    for (const link of this.links) link.drop();
  }

  /** Asks `handle` about every statement that matches, until the function that this answers is called. */
  onStatement(matches: string | RegExp, handle: StatementHandler): () => void {
    const watch = { matches, handle };
    this.watches.add(watch);
    return () => this.watches.delete(watch);
  }

  /** Deals so with the next statement that matches, and resolves with it when that is done. */
  async onceOn(matches: string | RegExp, fate: Fate): Promise<string> {
    return new Promise((resolve) => {
      const stop = this.onStatement(matches, (statement) => {
        stop();
        resolve(statement);
        return fate;
      });
    });
  }

  /** Resets what is open and stops listening. */
  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.reset();
    await closed;
  }

  private accept(client: Socket): void {
    if (this.current.refuses) {
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const link = new Link(client, this.target, this.current, (statement) => this.fateOf(statement));
    this.links.add(link);
    void link.ended.then(() => this.links.delete(link));
  }

  private async fateOf(statement: string): Promise<Fate> {
    for (const { matches, handle } of this.watches) {
      const hit = typeof matches === 'string' ? statement.includes(matches) : matches.test(statement);
      if (hit) return handle(statement);
    }
    return 'pass';
  }
}

/** One client's connection and the one to the server behind it. */
class Link {
  readonly ended: Promise<unknown>;
  private readonly server: Socket;
  private healed = Promise.withResolvers<undefined>();
  private fromServer = 0;
  private losesReply = false;
  private readonly end = new AbortController();
  private readonly messages = new ClientMessages();

  constructor(
    private readonly client: Socket,
    target: { host: string; port: number },
    private weather: Weather,
    private readonly fateOf: (statement: string) => Promise<Fate>,
  ) {
    this.server = connect({ ...target, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, this.server]) {
      socket.on('error', () => {
        this.reset();
      });
    }
    // Not events.once: it takes an error for the end.
    const closed = (socket: Socket): Promise<unknown> =>
      new Promise((resolve) => socket.once('close', resolve));
    this.ended = Promise.all([closed(client), closed(this.server)]);
    void this.ended.then(() => {
      this.end.abort();
    });
    void this.pump(client, this.server, (chunk) => this.toServer(chunk));
    void this.pump(this.server, client, (chunk) => this.toClient(chunk));
  }

  change(weather: Weather): void {
    this.weather = weather;
    this.fromServer = 0;
    this.healed.resolve(undefined);
    this.healed = Promise.withResolvers();
  }

  reset(): void {
    this.end.abort();
    this.healed.resolve(undefined);
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  drop(): void {
    this.end.abort();
    this.healed.resolve(undefined);
    this.client.destroySoon();
    this.server.destroySoon();
  }

  private async pump(from: Socket, to: Socket, pass: (chunk: Buffer) => Promise<void>): Promise<void> {
    try {
      // A socket without an encoding gives buffers.
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
        await pass(chunk);
      await this.silence();
      to.end();
    } catch {
      // Whatever broke on one side breaks the other; unless it is being ended from here.
      if (!this.end.signal.aborted) this.reset();
    }
  }

  private async toServer(chunk: Buffer): Promise<void> {
    for (const { bytes, statement } of this.messages.read(chunk)) {
      const fate = statement === null ? 'pass' : await this.fateOf(statement);
      if (fate === 'cut') {
        this.reset();
        return;
      }
      if (fate === 'lose reply') this.losesReply = true;
      await this.send(this.server, bytes);
    }
  }

  private async toClient(chunk: Buffer): Promise<void> {
    // The server has answered, so it has carried the statement out.
    if (this.losesReply) {
      this.reset();
      return;
    }
    const { cutAfterBytes } = this.weather;
    this.fromServer += chunk.length;
    if (cutAfterBytes !== undefined && this.fromServer >= cutAfterBytes) {
      const kept = chunk.length - (this.fromServer - cutAfterBytes);
      if (kept > 0) await this.send(this.client, chunk.subarray(0, kept));
      this.reset();
      return;
    }
    await this.send(this.client, chunk);
  }

  private async send(to: Socket, bytes: Buffer): Promise<void> {
    await this.silence();
    const { delayMs, bytesPerSecond } = this.weather;
    if (delayMs !== undefined) await this.pause(delayMs);
    if (bytesPerSecond === undefined) {
      await this.write(to, bytes);
      return;
    }
    const slice = Math.max(1, Math.floor(bytesPerSecond / SLICES_A_SECOND));
    for (let at = 0; at < bytes.length; at += slice) {
      await this.write(to, bytes.subarray(at, at + slice));
      // A change of the weather lets the rest go at the new speed.
      if (this.weather.bytesPerSecond !== bytesPerSecond) {
        await this.send(to, bytes.subarray(at + slice));
        return;
      }
      await this.pause((slice / bytesPerSecond) * 1_000);
    }
  }

  private async silence(): Promise<void> {
    while (this.weather.isSilent && !this.end.signal.aborted) await this.healed.promise;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.end.signal });
  }

  private async write(to: Socket, bytes: Buffer): Promise<void> {
    if (!to.write(bytes)) await once(to, 'drain', { signal: this.end.signal });
  }
}
