import type { TenantScope } from '#database';
import {
  type EventFeed,
  type EventFilter,
  type EventLog,
  type Follower,
  isWanted,
  shown,
  type ToldEvent,
} from '#events';
import { hasEnded, type JobStatus } from '#jobs';
import type { ServerResponse } from 'node:http';
import { endText, eventText, heartbeatText } from './sse.js';

/** Why a stream ended from our side. */
export type StreamEnd = 'job_ended' | 'slow_reader' | 'key_ended' | 'shutdown' | 'fault';

export interface StreamLimits {
  /** What may wait for one reader, in memory. */
  maxBufferedBytes: number;
  /** A reader who takes nothing for so long is cut. */
  slowMs: number;
}

export interface Following {
  scope: TenantScope;
  filter: EventFilter;
  /** Behind this number; null: from now on. */
  after: number | null;
  /** The last event of the one job that is followed, where that has ended already. */
  endsAt: number | null;
}

/** Of history, at once. */
const PAGE = 200;
/** The rest of a stream that is cut goes out within this time, or not at all. */
const FLUSH_MS = 5_000;

/** Texts of events, made once for all who follow. */
const texts = new WeakMap<ToldEvent, string>();

/**
 * One open stream: reads what was, at the pace of its reader, and then joins the feed. What it holds is bounded: a reader
 * who does not keep up is cut, and told where to go on.
 */
export class EventStream implements Follower {
  readonly tenantId: string;
  private reached: number;
  private isOver = false;
  /** Of the one job that is followed, as far as was told. */
  private hasJobEnded = false;
  private waitingSince: number | null = null;

  constructor(
    private readonly response: ServerResponse,
    private readonly following: Following,
    private readonly limits: StreamLimits,
    private readonly onEnd: (reason: StreamEnd) => void,
  ) {
    this.tenantId = following.scope.tenantId;
    this.reached = following.after ?? 0;
    response.on('drain', () => (this.waitingSince = null));
  }

  get position(): number {
    return this.reached;
  }

  /** Comes back when the stream has caught up and joined the feed, or is over. */
  async follow(log: EventLog, feed: EventFeed): Promise<void> {
    const { scope, filter, after } = this.following;
    if (after === null) this.reached = await feed.current();
    while (!this.isGone()) {
      const upTo = await feed.current();
      // Ahead, where another process told the reader more than this one has looked at yet.
      if (upTo <= this.reached && feed.tryJoin(this)) break;
      const page = { after: this.reached, upTo, jobId: filter.jobId, limit: PAGE };
      const events = await log.page(scope, page);
      for (const event of events) {
        this.tell(event);
        await this.taken();
        if (this.isGone()) return;
      }
      if (events.length < PAGE) this.reached = Math.max(this.reached, upTo);
    }
    this.endWithJob();
  }

  take(events: readonly ToldEvent[], upTo: number): void {
    for (const event of events) {
      if (event.event_id <= this.reached) continue;
      this.tell(event);
      if (this.isGone()) return;
    }
    this.reached = Math.max(this.reached, upTo);
    this.endWithJob();
  }

  /** Shows that the stream lives, and looks whether its reader does. */
  beat(): void {
    if (this.waitingSince !== null && performance.now() - this.waitingSince > this.limits.slowMs) {
      this.end('slow_reader');
    } else if (!this.response.writableNeedDrain) {
      this.write(heartbeatText(this.reached));
    }
  }

  /** Tells where to go on, and ends. */
  end(reason: StreamEnd): void {
    if (this.isGone()) return;
    this.isOver = true;
    this.response.end(endText(reason, this.reached));
    const cut = setTimeout(() => this.response.destroy(), FLUSH_MS);
    this.response.once('close', () => {
      clearTimeout(cut);
    });
    this.onEnd(reason);
  }

  private isGone(): boolean {
    return this.isOver || this.response.destroyed;
  }

  private tell(event: ToldEvent): void {
    const { filter } = this.following;
    this.reached = Math.max(this.reached, event.event_id);
    // The statuses of events are those of jobs.
    if (event.status !== null) this.hasJobEnded = hasEnded(event.status as JobStatus);
    if (!isWanted(event, filter)) return;
    let text = texts.get(event);
    if (text === undefined) texts.set(event, (text = eventText(shown(event))));
    this.write(text);
  }

  /** After the end of the one job that is followed there is nothing to wait for. */
  private endWithJob(): void {
    const { filter, endsAt } = this.following;
    if (filter.jobId === undefined) return;
    if (this.hasJobEnded || (endsAt !== null && this.reached >= endsAt)) this.end('job_ended');
  }

  private write(text: string): void {
    if (this.isGone()) return;
    if (!this.response.write(text)) this.waitingSince ??= performance.now();
    if (this.response.writableLength > this.limits.maxBufferedBytes) this.end('slow_reader');
  }

  /** Waits until the reader has taken what was written, while there is a reader. */
  private async taken(): Promise<void> {
    if (!this.response.writableNeedDrain) return;
    const { response } = this;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }
}
