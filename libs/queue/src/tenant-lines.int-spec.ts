import { type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantLine, TenantLines } from './tenant-lines.js';

const SCOPE = { actor: { kind: 'worker', id: 'looks' }, source: 'test' } as const;

let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await db.drop();
});

/** Messages of a tenant that could be taken since so many seconds; below 0: in the future. */
async function waiting(
  tenantId: string,
  count: number,
  given: { since?: number; blocked?: boolean } = {},
): Promise<void> {
  const { since = 0, blocked = false } = given;
  await db.sql(
    `INSERT INTO pgboss.job (name, data, singleton_key, policy, start_after, blocked)
     SELECT 'job.run', jsonb_build_object('tenant_id', $1::text), gen_random_uuid()::text, 'exclusive',
       clock_timestamp() - make_interval(secs => $3), $4
     FROM generate_series(1, $2::integer)`,
    [tenantId, count, since, blocked],
  );
}

const lines = (most: number): Promise<TenantLine[]> =>
  db
    .database('ss_worker')
    .acrossTenants(SCOPE, (tx) => new TenantLines().list(tx, 'job.run', { most, reserved: 'other' }));

describe('who waits in a queue', () => {
  it('is nobody when it is empty', async () => {
    expect(await lines(20)).toEqual([]);
  });

  it('is told with what could be taken, and since when the oldest of that could', async () => {
    await waiting('a', 1, { since: 500 });
    await waiting('a', 2, { since: 60 });
    await waiting('a', 3, { since: -60 });
    await waiting('a', 4, { since: 900, blocked: true });
    await waiting('later', 1, { since: -60 });
    const [a, later] = (await lines(20)).sort((one, other) => other.depth - one.depth);
    expect(a).toMatchObject({ tenantId: 'a', depth: 10, ready: 3 });
    expect(Math.abs(a!.oldestAgeSeconds - 500)).toBeLessThan(30);
    expect(later).toEqual({ tenantId: 'later', depth: 1, ready: 0, oldestAgeSeconds: 0 });
  });

  it('names those with the most messages, and counts the others as one, with the name that stands for them', async () => {
    await waiting('a', 1, { since: 300 });
    await waiting('b', 3);
    await waiting('c', 2);
    await waiting('other', 9);
    const told = (await lines(3)).sort((one, other) => other.depth - one.depth);
    expect(told.map(({ tenantId, depth }) => [tenantId, depth])).toEqual([
      [null, 10],
      ['b', 3],
      ['c', 2],
    ]);
    expect(Math.abs(told[0]!.oldestAgeSeconds - 300)).toBeLessThan(30);
  });
});
