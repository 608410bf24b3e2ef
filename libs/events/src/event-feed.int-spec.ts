import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scope } from '#database';
import { aJob, aTenant, eventually, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { randomUUID } from 'node:crypto';
import { EventFeed, type Follower } from './event-feed.js';
import { EventLog } from './event-log.js';
import { isWanted, type ToldEvent } from './job-event.js';

const SCOPE: Scope = { actor: { kind: 'anonymous', id: 'events' }, source: 'test' };

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let log: EventLog;
let feed: EventFeed;
let close: () => void;
const faults: unknown[] = [];

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  log = new EventLog(db.database('ss_api'), SCOPE);
  feed = new EventFeed(log, { pollMs: 20, onError: (error) => faults.push(error) });
  close = feed.open();
});
afterEach(async () => {
  close();
  await feed.stop();
  expect(faults).toEqual([]);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

class Listener implements Follower {
  readonly heard: ToldEvent[] = [];
  position = 0;

  constructor(readonly tenantId: string) {}

  take(events: readonly ToldEvent[], upTo: number): void {
    this.heard.push(...events.filter((event) => event.event_id > this.position));
    this.position = upTo;
  }

  get told(): string[] {
    return this.heard.map((event) => `${event.job_id} ${event.step_id ?? ''}${event.type}`);
  }
}

async function listener(of = tenantId): Promise<Listener> {
  const one = new Listener(of);
  one.position = await feed.current();
  while (!feed.tryJoin(one)) one.position = await feed.current();
  return one;
}

const scope = (of = tenantId) => programs.client(of);
const create = async (jobId: string, of = tenantId): Promise<void> => {
  await programs.lifecycle.create(
    scope(of),
    { jobId, plan: NOOP_PLAN, confirm: true, traceId: randomUUID().replaceAll('-', '') },
    null,
  );
};
const CREATED = ['job.created', 'job.drafted', 'job.confirmed', 'job.enqueued'];

describe('the feed', () => {
  it('tells each follower what happens in its tenant, in order, and nothing of another', async () => {
    const others = await aTenant(db);
    const [mine, also, theirs] = [await listener(), await listener(), await listener(others)];
    await create('a');
    await create('x', others);
    await create('b');
    await eventually(() => mine.heard.length === 8 && theirs.heard.length === 4);
    expect(mine.told).toEqual([...CREATED.map((type) => `a ${type}`), ...CREATED.map((type) => `b ${type}`)]);
    expect(also.told).toEqual(mine.told);
    expect(theirs.told).toEqual(CREATED.map((type) => `x ${type}`));
    expect(mine.heard[3]).toMatchObject({
      status: 'queued',
      from_status: 'confirmed',
      version: 4,
      labels: {},
    });
  });

  it('skips no event whose transaction ends after that of a later one', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    const heard = await listener();
    const [taken, commit] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const slow = programs.worker.transaction({ ...programs.workerScope, tenantId }, async (tx) => {
      await tx.query(
        `INSERT INTO run_step (tenant_id, job_id, run_id, step_id, position, type) VALUES ($1, $2, $3, 'slow', 1, 'noop')`,
        [tenantId, job.job_id, job.run_id],
      );
      taken.resolve(undefined);
      await commit.promise;
    });
    await taken.promise;
    await create('later');
    const [later] = await db.sql<{ id: number }>(
      `SELECT max(event_id)::integer AS id FROM audit_event WHERE tenant_id = $1`,
      [tenantId],
    );
    const late = new EventLog(db.database('ss_api'), SCOPE);
    for (let looks = 0; looks < 5; looks++) expect(await late.tryAdvance()).toBeNull();
    expect(heard.heard).toEqual([]);
    commit.resolve(undefined);
    await slow;
    await eventually(() => heard.heard.length === 5);
    expect(heard.told).toEqual([`${job.job_id} slowstep.started`, ...CREATED.map((type) => `later ${type}`)]);
    expect(heard.heard.at(-1)!.event_id).toBe(later!.id);
  });

  it('tells everything once and in order while many write at the same time', async () => {
    const heard = await listener();
    const jobs = Array.from({ length: 40 }, (_, n) => `job-${n}`);
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (const job of jobs.filter((_job, n) => n % 8 === writer)) await create(job);
      }),
    );
    await eventually(() => heard.heard.length >= jobs.length * CREATED.length, 15_000);
    const ids = heard.heard.map((event) => event.event_id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    const rows = await db.sql<{ id: number }>(
      `SELECT event_id::integer AS id FROM audit_event WHERE tenant_id = $1 AND resource_type = 'job' ORDER BY event_id`,
      [tenantId],
    );
    expect(ids).toEqual(rows.map(({ id }) => id));
  });

  it('looks only while somebody follows, and begins anew with the next', async () => {
    await listener();
    close();
    await create('unheard');
    close = feed.open();
    const heard = await listener();
    await create('heard');
    await eventually(() => heard.heard.length === 4);
    expect(heard.told).toEqual(CREATED.map((type) => `heard ${type}`));
  });

  it('catches up with more than one look can hold', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    const heard = await listener();
    await db.sql(
      `INSERT INTO run_event (tenant_id, job_id, run_id, step_id, type, detail)
       SELECT $1, $2, $3, n::text, 'step.started', '{}' FROM generate_series(1, 1200) AS n`,
      [tenantId, job.job_id, job.run_id],
    );
    await eventually(() => heard.heard.length === 1_200);
    expect(heard.heard.map((event) => Number(event.step_id))).toEqual(
      Array.from({ length: 1_200 }, (_, n) => n + 1),
    );
  });
});

describe('the steps of a run', () => {
  it('are events: begun, resumed, ended, however they end', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    const lease = { tenantId, jobId: job.job_id, runId: job.run_id!, leaseNo: job.lease_no };
    const heard = await listener();
    await programs.runs.beginStep(lease, { stepId: 'a', position: 1, type: 'noop' });
    // Told again after an answer that was lost: it began once.
    await programs.runs.beginStep(lease, { stepId: 'a', position: 1, type: 'noop' });
    await programs.runs.endStep(lease, 'a', { outcome: 'succeeded', artifacts: [] });
    await programs.runs.beginStep(lease, { stepId: 'b', position: 2, type: 'sql' });
    await programs.lifecycle.cancel({ ...scope(), reason: 'a test' }, job.job_id, null);
    await eventually(() => heard.heard.length === 5);
    expect(heard.told.map((text) => text.slice(job.job_id.length + 1))).toEqual([
      'astep.started',
      'astep.ended',
      'bstep.started',
      'job.cancelled',
      'bstep.ended',
    ]);
    expect(heard.heard.map(({ detail }) => detail)).toMatchObject([
      { position: 1, step_type: 'noop' },
      { position: 1, step_type: 'noop', outcome: 'succeeded' },
      { position: 2, step_type: 'sql' },
      {},
      { position: 2, step_type: 'sql', outcome: 'cancelled' },
    ]);
    expect(heard.heard.map(({ run_id }) => run_id)).toEqual(Array(5).fill(job.run_id));
  });
});

describe('what a step prints', () => {
  it('is an event of its run, fenced like every write of a worker, and goes when the data are erased', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    const lease = { tenantId, jobId: job.job_id, runId: job.run_id!, leaseNo: job.lease_no };
    const printed = { stream: 'stdout', lines: ['a cell of the data'], isCut: false } as const;
    await programs.runs.beginStep(lease, { stepId: 'a', position: 1, type: 'command' });
    await programs.runs.tellPrinted(lease, 'a', { ...printed, lines: [...printed.lines] });
    await expect(
      programs.runs.tellPrinted({ ...lease, leaseNo: 99 }, 'a', { ...printed, lines: [] }),
    ).rejects.toMatchObject({ code: 'STALE_LEASE' });
    await programs.lifecycle.cancel({ ...scope(), reason: 'a test' }, job.job_id, null);
    const told = async (): Promise<string[]> => {
      const page = { after: 0, upTo: Number.MAX_SAFE_INTEGER, jobId: job.job_id, limit: 100 };
      return (await log.page(scope(), page)).map(({ type, detail }) => `${type} ${JSON.stringify(detail)}`);
    };
    expect((await told()).join()).toContain('a cell of the data');
    await programs.erasure.erase({ ...scope(), reason: 'asked to' }, job.job_id, null);
    expect((await told()).join()).not.toContain('a cell');
    expect((await told()).join()).toContain('step.ended');
  });
});

describe('the log of events', () => {
  it('gives pages of a job and of a tenant, and another tenant nothing', async () => {
    await create('a');
    await create('b');
    const upTo = Number.MAX_SAFE_INTEGER;
    const first = await log.page(scope(), { after: 0, upTo, jobId: 'b', limit: 3 });
    const rest = await log.page(scope(), { after: first.at(-1)!.event_id, upTo, jobId: 'b', limit: 3 });
    expect([...first, ...rest].map(({ type }) => type)).toEqual(CREATED);
    expect(await log.lastOf(scope(), 'b')).toBe(rest.at(-1)!.event_id);
    const all = await log.page(scope(), { after: 0, upTo, limit: 100 });
    expect(all.map(({ job_id }) => job_id)).toEqual([
      ...Array<string>(4).fill('a'),
      ...Array<string>(4).fill('b'),
    ]);
    const others = scope(await aTenant(db));
    expect(await log.page(others, { after: 0, upTo, jobId: 'b', limit: 3 })).toEqual([]);
    expect(await log.lastOf(others, 'b')).toBe(0);
  });
});

describe('a filter', () => {
  it('leaves out what programs print, unless it is asked for', () => {
    const printed = { job_id: 'j', type: 'step.log', status: null, labels: {} } as unknown as ToldEvent;
    expect([isWanted(printed, { types: ['step.*'] }), isWanted(printed, { withLogs: true })]).toEqual([
      false,
      true,
    ]);
  });

  const event = { job_id: 'j', type: 'job.failed', status: 'failed', labels: { team: 'a', env: 'x' } };
  it.each([
    [true, {}],
    [true, { jobId: 'j' }],
    [false, { jobId: 'k' }],
    [true, { types: ['job.failed', 'step.*'] }],
    [true, { types: ['job.*'] }],
    [false, { types: ['step.*'] }],
    [false, { types: ['job.fail'] }],
    [true, { statuses: ['failed', 'cancelled'] }],
    [false, { statuses: ['running'] }],
    [true, { labels: { team: 'a' } }],
    [false, { labels: { team: 'a', env: 'y' } }],
    [true, { withLogs: true }],
  ])('says %s for %j', (wanted, filter) => {
    // What a filter looks at.
    expect(isWanted(event as unknown as ToldEvent, filter)).toBe(wanted);
  });
});
