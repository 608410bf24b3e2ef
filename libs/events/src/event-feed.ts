import type { EventLog, Front } from './event-log.js';
import type { ToldEvent } from './job-event.js';

/** Somebody who wants to be told what happens to a tenant's jobs. Telling them must neither wait nor throw. */
export interface Follower {
  readonly tenantId: string;
  /** Has everything up to this number. */
  readonly position: number;
  /** The tenant's next events in order, and the number up to which there are no others. Some may be known already. */
  take: (events: readonly ToldEvent[], upTo: number) => void;
}

export interface EventFeedOptions {
  /** Between two looks. */
  pollMs?: number;
  /** Told once for each time of trouble: nothing is lost, it comes later. */
  onError: (error: unknown) => void;
}

interface FollowedTenant extends Front {
  followers: Set<Follower>;
}

const POLL_MS = 250;
/** Those who write are soon done. */
const UNSETTLED_MS = 25;
const TROUBLE_MS = 1_000;
/** After a look that took long there is a rest of this many times as long: following costs a quarter of a connection. */
const REST = 3;
/** Of one tenant at once; more comes with the next look. */
const AT_MOST = 500;
/** How many times it is waited for who writes, before a new follower begins at the last seal. */
const FIRST_LOOKS = 40;

/**
 * One look for all who follow in this process, whatever their number: what happened to which tenant. It looks while there
 * is somebody who follows, and not otherwise.
 */
export class EventFeed {
  private readonly tenants = new Map<string, FollowedTenant>();
  private front: Front | null = null;
  private interested = 0;
  private timer: NodeJS.Timeout | undefined;
  private begun: Promise<void> | null = null;
  private turn: Promise<void> | null = null;
  private isInTrouble = false;

  constructor(
    private readonly log: EventLog,
    private readonly options: EventFeedOptions,
  ) {}

  /** Lets the feed look for as long as the caller is there; the answer is called once, at the end. */
  open(): () => void {
    this.interested += 1;
    return () => {
      this.interested -= 1;
      if (this.interested === 0) this.rest();
    };
  }

  /** The number up to which everybody has been told everything. For who has opened the feed. */
  async current(): Promise<number> {
    for (;;) {
      if (this.front) return this.front.eventId;
      this.begun ??= this.begin().catch((error: unknown) => {
        this.begun = null;
        throw error;
      });
      await this.begun;
    }
  }

  /** Tells the follower from where it is; false: others are further already, and it has to catch up first. */
  tryJoin(follower: Follower): boolean {
    if (!this.front || this.front.eventId > follower.position) return false;
    const tenant = this.tenants.get(follower.tenantId);
    if (tenant) tenant.followers.add(follower);
    else this.tenants.set(follower.tenantId, { ...this.front, followers: new Set([follower]) });
    return true;
  }

  leave(follower: Follower): void {
    const tenant = this.tenants.get(follower.tenantId);
    tenant?.followers.delete(follower);
    if (tenant?.followers.size === 0) this.tenants.delete(follower.tenantId);
  }

  /** Looks no more, and waits for the look that is under way. */
  async stop(): Promise<void> {
    this.interested = 0;
    this.rest();
    await this.turn;
  }

  /** Whoever comes next begins anew: what happens meanwhile nobody wants to know. */
  private rest(): void {
    clearTimeout(this.timer);
    this.begun = null;
    this.front = null;
  }

  private async begin(): Promise<void> {
    await this.turn;
    let found: Front | null = null;
    for (let looks = 0; looks < FIRST_LOOKS && !found; looks++) {
      found = await this.log.tryAdvance();
      if (!found) await new Promise((resolve) => setTimeout(resolve, UNSETTLED_MS));
    }
    this.front = found ?? (await this.log.sealedFront());
    this.plan(POLL_MS);
  }

  private plan(pauseMs: number): void {
    if (this.interested === 0) {
      this.rest();
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.turn = this.look();
    }, pauseMs);
  }

  private async look(): Promise<void> {
    const { pollMs = POLL_MS } = this.options;
    const begunAt = performance.now();
    try {
      const found = await this.log.tryAdvance();
      const isWhole = found ? await this.tell(found) : true;
      this.isInTrouble = false;
      const restMs = (performance.now() - begunAt) * REST;
      // What one look could not hold comes with the next, at once.
      this.plan(isWhole ? Math.max(found ? pollMs : UNSETTLED_MS, restMs) : 0);
    } catch (error) {
      if (!this.isInTrouble) this.options.onError(error);
      this.isInTrouble = true;
      this.plan(TROUBLE_MS);
    }
  }

  /** Tells everybody what came up to there. False: some tenant has more than was read. */
  private async tell(found: Front): Promise<boolean> {
    const behind = [...this.tenants].filter(([, { eventId }]) => eventId < found.eventId);
    const readings = behind.map(([tenantId, { eventId, since }]) => ({ tenantId, eventId, since }));
    const events = readings.length === 0 ? [] : await this.log.readNew(readings, found.eventId, AT_MOST);
    const ofTenant = Map.groupBy(events, (event) => event.tenant_id);
    let isWhole = true;
    for (const { tenantId } of readings) {
      const news = ofTenant.get(tenantId) ?? [];
      const last = news.at(-1);
      const isCut = last !== undefined && news.length === AT_MOST && last.event_id < found.eventId;
      const upTo = isCut ? last.event_id : found.eventId;
      isWhole &&= !isCut;
      const tenant = this.tenants.get(tenantId);
      if (!tenant) continue;
      for (const follower of [...tenant.followers]) follower.take(news, upTo);
      tenant.eventId = upTo;
      if (!isCut) tenant.since = found.since;
    }
    this.front = found;
    return isWhole;
  }
}
