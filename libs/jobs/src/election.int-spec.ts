import { type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scope } from '#database';
import { randomUUID } from 'node:crypto';
import { Election, type Elected } from './election.js';

const LEASE_MS = 30_000;
const ROUND_MS = 10_000;
const SCOPE: Scope = { actor: { kind: 'worker', id: 'w' }, source: 'test' };

let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  await db.sql('DELETE FROM worker');
});
afterAll(async () => {
  await db.drop();
});

/** A worker that started and was last seen so many seconds ago. */
async function aWorker(started: number, seen = 0): Promise<{ id: string; election: Election }> {
  const id = randomUUID();
  await db.sql(
    `INSERT INTO worker (worker_id, build, abilities, slots, started_at, seen_at)
     VALUES ($1, 'test', '{}', 1, clock_timestamp() - make_interval(secs => $2), clock_timestamp() - make_interval(secs => $3))`,
    [id, started, seen],
  );
  return { id, election: new Election(id, LEASE_MS) };
}

const stand = (election: Election): Promise<Elected> =>
  db.database('ss_worker').acrossTenants(SCOPE, (tx) => election.stand(tx, ROUND_MS));
const seenAgo = (id: string, seconds: number): Promise<unknown> =>
  db.sql('UPDATE worker SET seen_at = clock_timestamp() - make_interval(secs => $2) WHERE worker_id = $1', [
    id,
    seconds,
  ]);

describe('an election', () => {
  it('takes a worker that is alone at once, for no longer than two rounds', async () => {
    const { election } = await aWorker(1);
    const { forMs, alive } = await stand(election);
    expect(alive).toBe(1);
    expect(forMs).toBeGreaterThan(ROUND_MS);
    expect(forMs).toBeLessThanOrEqual(2 * ROUND_MS + 1_000);
  });

  it('takes the oldest of those that live, after a round in which others can notice', async () => {
    const [young, old] = [await aWorker(10), await aWorker(20)];
    expect((await stand(old.election)).forMs).toBe(0);
    expect((await stand(young.election)).forMs).toBe(0);
    expect((await stand(old.election)).forMs).toBeGreaterThan(0);
    expect((await stand(young.election)).forMs).toBe(0);
  });

  it('gives the right for no longer than nobody can think that the worker is dead', async () => {
    const { id, election } = await aWorker(60);
    await seenAgo(id, 26);
    expect((await stand(election)).forMs).toBeLessThanOrEqual(4_000);
  });

  it('goes on to the next when the heartbeat is too old, and back when the older one returns', async () => {
    const [young, old] = [await aWorker(10), await aWorker(20)];
    await stand(old.election);
    await seenAgo(old.id, 40);
    expect((await stand(old.election)).forMs).toBe(0);
    expect((await stand(young.election)).forMs).toBeGreaterThan(0);
    await seenAgo(old.id, 0);
    expect((await stand(old.election)).forMs).toBe(0);
    expect((await stand(young.election)).forMs).toBe(0);
    expect((await stand(old.election)).forMs).toBeGreaterThan(0);
  });

  it('takes no worker that has left, or that has never been seen', async () => {
    const { id, election } = await aWorker(10);
    await db.sql('UPDATE worker SET stopped_at = clock_timestamp() WHERE worker_id = $1', [id]);
    expect(await stand(election)).toEqual({ forMs: 0, alive: 0 });
    expect(await stand(new Election(randomUUID(), LEASE_MS))).toEqual({ forMs: 0, alive: 0 });
  });
});
