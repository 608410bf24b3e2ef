import type { EventFeed, EventLog } from '#events';
import type { Drain } from '#health';
import { DomainError, isDomainError, metrics } from '#observability';
import { AccessRefused, EventStreamsExceeded } from '#tenancy';
import type { OnModuleDestroy } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { MayStill } from '../http/auth.guard.js';
import { EventStream, type Following, type StreamEnd } from './event-stream.js';

export interface EventStreamsOptions {
  heartbeatMs: number;
  maxStreams: number;
  maxStreamsOfTenant: number;
}

interface Open {
  stream: EventStream;
  reader: MayStill;
}

/** What may wait for one reader, beside what the operating system holds. */
const MAX_BUFFERED_BYTES = 256 * 1024;

export class StreamsExhausted extends DomainError {
  constructor(max: number) {
    super('EVENT_STREAMS_EXHAUSTED', `This server has ${String(max)} event streams open, as many as it may.`);
  }
}

/** All open streams of this process: lets them live, and ends them when their key has ended or the program leaves. */
export class EventStreams implements OnModuleDestroy {
  private readonly open = new Set<Open>();
  private readonly ofTenant = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;
  private round: Promise<void> | null = null;

  constructor(
    readonly log: EventLog,
    readonly feed: EventFeed,
    drain: Drain,
    private readonly options: EventStreamsOptions,
  ) {
    this.timer = setInterval(() => {
      this.round ??= this.beat().finally(() => (this.round = null));
    }, options.heartbeatMs).unref();
    // Not before: as long as new work is taken, readers would come back to this process.
    drain.onRefusal(() => {
      this.endAll('shutdown');
    });
  }

  /** Throws when there is no room for one more. */
  assertRoom(tenantId: string): void {
    const { maxStreams, maxStreamsOfTenant } = this.options;
    if ((this.ofTenant.get(tenantId) ?? 0) >= maxStreamsOfTenant)
      throw new EventStreamsExceeded(maxStreamsOfTenant);
    if (this.open.size >= maxStreams) throw new StreamsExhausted(maxStreams);
  }

  /** Follows until the reader goes away or the stream is ended. The headers are out already. */
  async serve(response: ServerResponse, following: Following, reader: MayStill): Promise<void> {
    const { tenantId } = following.scope;
    const limits = { maxBufferedBytes: MAX_BUFFERED_BYTES, slowMs: 2 * this.options.heartbeatMs };
    const stream = new EventStream(response, following, limits, (reason) => {
      metrics.eventStreamsEnded.inc({ reason });
    });
    const one = { stream, reader };
    const release = this.feed.open();
    this.open.add(one);
    this.ofTenant.set(tenantId, (this.ofTenant.get(tenantId) ?? 0) + 1);
    metrics.eventStreams.set(this.open.size);
    response.once('close', () => {
      this.feed.leave(stream);
      release();
      this.open.delete(one);
      const left = (this.ofTenant.get(tenantId) ?? 1) - 1;
      if (left === 0) this.ofTenant.delete(tenantId);
      else this.ofTenant.set(tenantId, left);
      metrics.eventStreams.set(this.open.size);
    });
    try {
      await stream.follow(this.log, this.feed);
    } catch {
      // The database is away, say: the reader comes again, and is told so.
      stream.end('fault');
    }
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.endAll('shutdown');
    await this.round;
    await this.feed.stop();
  }

  private endAll(reason: StreamEnd): void {
    for (const { stream } of this.open) stream.end(reason);
  }

  /** Each key is asked for once, however many streams it has open. */
  private async beat(): Promise<void> {
    for (const { stream } of this.open) stream.beat();
    const byKey = Map.groupBy(this.open, ({ reader }) => reader.fingerprint);
    for (const streams of byKey.values()) {
      if (await this.hasEnded(streams[0]?.reader)) for (const { stream } of streams) stream.end('key_ended');
    }
  }

  private async hasEnded(reader: MayStill | undefined): Promise<boolean> {
    try {
      await reader?.askAgain();
      return false;
    } catch (error) {
      // Whatever else it is says nothing of the key: it is asked again.
      return error instanceof AccessRefused || (isDomainError(error) && error.code === 'AUTH_SCOPE_MISSING');
    }
  }
}
