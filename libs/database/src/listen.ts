import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { BoundedClient } from './bounded-client.js';

export interface Subscription {
  close(): Promise<void>;
}

export interface ListenOptions {
  url: string;
  channel: string;
  onNotify: (payload: string) => void;
  onError: (error: Error) => void;
  /** Sends a notification by another connection: to find out whether it arrives. */
  notify: (channel: string) => Promise<void>;
  /** How often a connection on which nothing is heard is asked whether it lives. */
  checkMs?: number;
}

const ANSWER_MS = 5_000;
const CHECK_MS = 15_000;
const RECONNECT_MIN_MS = 200;
const RECONNECT_MAX_MS = 5_000;
/** Listening for this long, it works again; breaking sooner, it is the same trouble and is told no second time. */
const STEADY_MS = 60_000;
/** A notification that arrives at all does so in milliseconds. */
const HEARING_MS = 2_000;
/** A pooler does not change its ways often. */
const DEAF_RETRY_MS = 300_000;

/** Notifications cannot be had for now. Nothing is lost: whoever listens polls as well. */
export class NotListening extends Error {
  constructor(
    readonly channel: string,
    cause: unknown,
  ) {
    super(
      `no notifications on ${channel}: ${cause instanceof Error ? cause.message : 'the connection failed'}`,
      { cause },
    );
  }
}

class Deaf extends Error {
  constructor() {
    super(
      'what is sent does not arrive, as behind a pooler in transaction mode; DATABASE_DIRECT_URL can lead past it',
    );
  }
}

/**
 * Listens until closed. After every (re)connect the callback is called once with an empty payload, because what was
 * sent in between is lost. `onError` is told once for each time of trouble, not at every attempt.
 */
export function listen(options: ListenOptions): Subscription {
  const closing = new AbortController();
  const ended = follow(options, closing.signal);
  return {
    close: async (): Promise<void> => {
      closing.abort();
      await ended;
    },
  };
}

async function follow(options: ListenOptions, signal: AbortSignal): Promise<void> {
  let isTold = false;
  let waitMs = RECONNECT_MIN_MS;
  while (!signal.aborted) {
    const heard: { since: number | null } = { since: null };
    const fault: unknown = await hear(options, signal, () => (heard.since = performance.now())).catch(
      (error: unknown) => error,
    );
    if (closed(signal)) return;
    if (heard.since !== null) {
      waitMs = RECONNECT_MIN_MS;
      if (performance.now() - heard.since > STEADY_MS) isTold = false;
    }
    if (!isTold) options.onError(new NotListening(options.channel, fault));
    isTold = true;
    const pauseMs = fault instanceof Deaf ? DEAF_RETRY_MS : waitMs * (0.5 + Math.random());
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS);
  }
}

/** Asked anew: what was false before a wait may be true after it. */
function closed(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** One connection, from its beginning to its end, which it answers. */
async function hear(options: ListenOptions, signal: AbortSignal, onBegun: () => void): Promise<Error> {
  const client = new BoundedClient({
    connectionString: options.url,
    application_name: `ss-listen-${options.channel}`,
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
  });
  let fault = new Error('the connection ended');
  client.on('error', (error) => (fault = error));
  const ended = new Promise((resolve) => client.once('end', resolve));
  const end = (): void => void client.connection.stream.destroy();
  signal.addEventListener('abort', end);
  let checking: NodeJS.Timeout | undefined;
  try {
    await client.connect();
    await assertHearing(client, options.notify);
    client.on('notification', ({ channel, payload }) => {
      if (channel === options.channel) options.onNotify(payload ?? '');
    });
    await client.query(`LISTEN ${pg.escapeIdentifier(options.channel)}`);
    onBegun();
    options.onNotify('');
    // Nothing ever has to be sent here, so a connection that died silently would be waited on for hours.
    let isAsking = false;
    checking = setInterval(() => {
      if (isAsking) return;
      isAsking = true;
      client
        .query('SELECT 1')
        .catch(() => undefined)
        .finally(() => (isAsking = false));
    }, options.checkMs ?? CHECK_MS);
    await ended;
    return fault;
  } finally {
    clearInterval(checking);
    signal.removeEventListener('abort', end);
    end();
  }
}

/**
 * Throws where notifications do not arrive. The server that answers is not the one that we connected to: then there is
 * a pooler in between, which may keep servers with their clients (session mode), or not.
 */
async function assertHearing(client: BoundedClient, notify: ListenOptions['notify']): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (rows[0]?.pid === Reflect.get(client, 'processID')) return;
  const channel = `ss-hearing-${randomUUID()}`;
  const heard = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => {
    heard.resolve(false);
  }, HEARING_MS);
  client.on('notification', (message) => {
    if (message.channel === channel) heard.resolve(true);
  });
  try {
    await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    await notify(channel);
    if (!(await heard.promise)) throw new Deaf();
  } finally {
    clearTimeout(timer);
    await client.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
  }
}
