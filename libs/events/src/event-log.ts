import { Horizon } from '#audit';
import type { Database, Instant, Scope, TenantScope, Tx } from '#database';
import type { ToldEvent } from './job-event.js';

/** Numbered with the audit, and so waited for with it. */
const BESIDE = ['run_event'] as const;

const COLUMNS = `tenant_id, event_id, type, occurred_at, job_id, status, from_status, version, run_id, step_id, detail,
  labels`;

const readPage = (condition: string): string => `
  SELECT ${COLUMNS} FROM job_event
  WHERE tenant_id = $1 AND event_id > $2 AND event_id <= $3${condition}
  ORDER BY event_id
  LIMIT $4`;

const READ_TENANT_PAGE = readPage('');
const READ_JOB_PAGE = readPage(' AND job_id = $5');

/** Clocks are set back, now and then, by a little. */
const READ_NEW = `
  SELECT ${COLUMNS}
  FROM read_job_events($1, $2, $3, $4, coalesce($5::timestamptz - interval '1 minute', '-infinity'))`;

const LAST_OF_JOB = `
  SELECT coalesce(max(event_id), 0) AS "eventId" FROM job_event WHERE tenant_id = $1 AND job_id = $2`;

const LAST_SEALED = `SELECT coalesce(max(to_event_id), 0) AS "eventId" FROM audit_segment`;

/** A number up to which no event can appear any more. */
export interface Front {
  eventId: number;
  /** Whatever comes behind it happened later than this; null: not known. */
  since: Instant | null;
}

/** How far somebody has read the events of a tenant. */
export interface Reading extends Front {
  tenantId: string;
}

export interface EventPage {
  after: number;
  upTo: number;
  jobId?: string | undefined;
  limit: number;
}

/** The events of jobs in their one order. What is read up to a front is whole: nothing is skipped, whoever commits late. */
export class EventLog {
  private pending: { horizon: Horizon; at: Instant } | null = null;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  /** A front that is surely one, if not the last. */
  async sealedFront(): Promise<Front> {
    return this.database.withoutTenant(this.scope, async (tx) => {
      const [sealed] = await tx.query<{ eventId: number }>(LAST_SEALED);
      return { eventId: sealed?.eventId ?? 0, since: null };
    });
  }

  /** The front that was found since the last call; null while those write who wrote when it was looked for. */
  async tryAdvance(): Promise<Front | null> {
    return this.database.withoutTenant(this.scope, (tx) => this.tryAdvanceIn(tx));
  }

  /** The same within a transaction of the caller, who may be about to write down how far it came. */
  async tryAdvanceIn(tx: Tx): Promise<Front | null> {
    this.pending ??= await look(tx);
    const { horizon, at } = this.pending;
    if (!(await horizon.isSettled(tx))) return null;
    this.pending = null;
    return { eventId: horizon.eventId, since: at };
  }

  /** What is new for all of them, at most `atMost` events of each, each tenant's in order. */
  async readNew(readings: readonly Reading[], upTo: number, atMost: number): Promise<ToldEvent[]> {
    const unknown = readings.some(({ since }) => since === null);
    const since = unknown ? null : readings.map((reading) => reading.since ?? '').reduce(earlier);
    const columns = [readings.map(({ tenantId }) => tenantId), readings.map(({ eventId }) => eventId)];
    return this.database.withoutTenant(this.scope, (tx) =>
      tx.query<ToldEvent & Record<string, unknown>>(READ_NEW, [...columns, upTo, atMost, since]),
    );
  }

  /** Events of one tenant, or of one job of it, behind a number. */
  async page(scope: TenantScope, { after, upTo, jobId, limit }: EventPage): Promise<ToldEvent[]> {
    const values = [scope.tenantId, after, upTo, limit, ...(jobId === undefined ? [] : [jobId])];
    return this.database.transaction(scope, (tx) =>
      tx.query<ToldEvent & Record<string, unknown>>(
        jobId === undefined ? READ_TENANT_PAGE : READ_JOB_PAGE,
        values,
      ),
    );
  }

  /** The last event of a job, those that are not settled included; 0 when it has none. */
  async lastOf(scope: TenantScope, jobId: string): Promise<number> {
    return this.database.transaction(scope, async (tx) => {
      const [last] = await tx.query<{ eventId: number }>(LAST_OF_JOB, [scope.tenantId, jobId]);
      return last?.eventId ?? 0;
    });
  }
}

async function look(tx: Tx): Promise<{ horizon: Horizon; at: Instant }> {
  // Before the number: what is given a number later happens later.
  const [clock] = await tx.query<{ at: Instant }>('SELECT clock_timestamp() AS at');
  if (!clock) throw new Error('the database did not tell the time');
  return { horizon: await Horizon.look(tx, BESIDE), at: clock.at };
}

function earlier(one: Instant, other: Instant): Instant {
  return one < other ? one : other;
}
