import { record } from '#audit';
import type { Actor, Database } from '#database';
import { setTimeout as sleep } from 'node:timers/promises';

/** An attempt that was refused because of who made it, or of whose it was. */
export interface DeniedAttempt {
  tenantId: string;
  actor: Actor;
  /** The code of the refusal, and its status. */
  code: string;
  status: number;
  /** As the router has it, so that there are few: `GET /v1/jobs/:job_id`. */
  route: string;
  requestId: string;
  keyId?: string | undefined;
  why?: string | null | undefined;
}

export interface DeniedAttemptsOptions {
  /** One row for attempts of one kind in this time; the others are counted. */
  windowMs?: number;
  maxKinds?: number;
  /** Called when rows could not be written; they are tried again. */
  onError: (error: unknown) => void;
}

/** Attempts of one kind: by whom, for which tenant, refused with what, where. */
interface Kind {
  latest: DeniedAttempt;
  /** Attempts that no row tells of yet. */
  untold: number;
  /** When the next row may be written. */
  nextAt: number;
}

const WINDOW_MS = 60_000;
const MAX_KINDS = 10_000;
const TICKS_A_WINDOW = 12;
/** What a program that closes waits for the last rows. */
const STOP_MS = 3_000;

/**
 * Puts denied attempts on the audit, beside the requests and never in their way. A flood of them becomes one row a
 * minute with the number of attempts; memory is bounded, and what goes beyond is counted without its actor.
 */
export class DeniedAttempts {
  private readonly kinds = new Map<string, Kind>();
  private readonly windowMs: number;
  private readonly maxKinds: number;
  private readonly onError: (error: unknown) => void;
  private readonly timer: NodeJS.Timeout;
  private writing: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    /** Whose audit it is when nobody in particular was refused. */
    private readonly nobody: { tenantId: string; actor: Actor },
    options: DeniedAttemptsOptions,
  ) {
    this.windowMs = options.windowMs ?? WINDOW_MS;
    this.maxKinds = options.maxKinds ?? MAX_KINDS;
    this.onError = options.onError;
    this.timer = setInterval(() => {
      this.write();
    }, this.windowMs / TICKS_A_WINDOW).unref();
  }

  /** Comes back at once. */
  note(attempt: DeniedAttempt): void {
    const { tenantId, actor, code, route } = attempt;
    const name = JSON.stringify([tenantId, actor.kind, actor.id, code, route]);
    const known = this.kinds.get(name);
    if (known) {
      known.untold += 1;
      known.latest = attempt;
      return;
    }
    if (this.kinds.size >= this.maxKinds && tenantId !== this.nobody.tenantId) {
      this.note({ ...attempt, ...this.nobody });
      return;
    }
    // The kinds of nobody in particular are as many as there are routes and codes.
    this.kinds.set(name, { latest: attempt, untold: 1, nextAt: 0 });
    this.write();
  }

  /** Writes what is not told yet, whether or not its time has come, and ends: soon, also with the database away. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    const enough = new AbortController();
    const told = (this.writing ?? Promise.resolve()).then(() => this.writeDue(Infinity));
    await Promise.race([told, sleep(STOP_MS, undefined, { signal: enough.signal }).catch(() => undefined)]);
    enough.abort();
  }

  private write(): void {
    if (this.kinds.size === 0) return;
    this.writing ??= this.writeDue(performance.now()).finally(() => {
      this.writing = null;
    });
  }

  private async writeDue(now: number): Promise<void> {
    // After the request that is being answered now.
    await new Promise(setImmediate);
    for (const [name, kind] of this.kinds) {
      if (kind.nextAt > now) continue;
      if (kind.untold === 0) {
        this.kinds.delete(name);
        continue;
      }
      const count = kind.untold;
      kind.untold = 0;
      try {
        await this.tell(kind.latest, count);
        kind.nextAt = performance.now() + this.windowMs;
      } catch (error) {
        kind.untold += count;
        this.onError(error);
        return;
      }
    }
  }

  private async tell(attempt: DeniedAttempt, count: number): Promise<void> {
    const { tenantId, actor, requestId, route, code, status, keyId, why } = attempt;
    await this.database.transaction({ tenantId, actor, source: 'api', requestId }, (tx) =>
      record(tx, {
        action: 'access.denied',
        resourceType: 'route',
        resourceId: route,
        metadata: { code, status, count, ...(keyId ? { key_id: keyId } : {}), ...(why ? { why } : {}) },
      }),
    );
  }
}
