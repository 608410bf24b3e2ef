import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import {
  aTenant,
  eventually,
  JobPrograms,
  messagesOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { once, type RepeatKey } from '#tenancy';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const keyed = (key: string, given: Partial<RepeatKey> = {}): RepeatKey => ({
  ...{ route: 'POST /v1/jobs', key, bodySha256: 'body-one', ttlHours: 24 },
  ...given,
});
const create = (repeat: RepeatKey, tenant = tenantId) =>
  programs.lifecycle.create(
    programs.client(tenant),
    { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true },
    repeat,
  );

describe('a repeated create', () => {
  it('makes one job of 50 identical requests at once, and all of them get its answer', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => create(keyed('fifty'))));
    expect(new Set(answers.map(({ job }) => job.job_id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [first] = answers;
    expect(
      answers.every(({ job }) => JSON.stringify(sorted(job)) === JSON.stringify(sorted(first!.job))),
    ).toBe(true);
    expect(await messagesOf(db, first!.job)).toEqual(['job.run']);
    expect(await db.sql('SELECT FROM job WHERE tenant_id = $1', [tenantId])).toHaveLength(1);
  });

  it('with another body is refused', async () => {
    await create(keyed('two-bodies'));
    await expect(create(keyed('two-bodies', { bodySha256: 'body-two' }))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('of another tenant, or on another route, is another request', async () => {
    const { job } = await create(keyed('shared'));
    const foreign = await create(keyed('shared'), await aTenant(db));
    const elsewhere = await create(keyed('shared', { route: 'POST /v1/other' }));
    expect([foreign.replayed, elsewhere.replayed]).toEqual([false, false]);
    expect(new Set([job.job_id, foreign.job.job_id, elsewhere.job.job_id]).size).toBe(3);
  });

  it('after its answer expired is a new request, whatever its body', async () => {
    const { job } = await create(keyed('expires'));
    await db.sql(`UPDATE idempotency_key SET expires_at = clock_timestamp() WHERE key = 'expires'`);
    const again = await create(keyed('expires', { bodySha256: 'body-two' }));
    expect(again.replayed).toBe(false);
    expect(again.job.job_id).not.toBe(job.job_id);
  });

  it('is told to come back while the first one is still being carried out', async () => {
    let isHeld = false;
    let finish = (): void => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const first = programs.api.transaction(programs.client(tenantId), (tx) =>
      once(tx, keyed('slow'), async () => {
        isHeld = true;
        await held;
        return {};
      }),
    );
    await eventually(() => isHeld);
    await expect(create(keyed('slow'))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_IN_PROGRESS',
      facts: { retry_after_seconds: 1 },
    });
    finish();
    expect(await first).toEqual({ answer: {}, replayed: false });
  }, 30_000);

  it('keeps no answer of a request that was refused', async () => {
    const refused = programs.lifecycle.create(
      programs.client('no-such-tenant'),
      { traceId: newTraceId() },
      keyed('refused'),
    );
    await expect(refused).rejects.toThrow();
    expect(await db.sql(`SELECT FROM idempotency_key WHERE key = 'refused'`)).toEqual([]);
  });
});

function sorted(row: object): [string, unknown][] {
  return Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
}
