import { newTraceId } from '#observability';
import { aJob, aTenant, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Job } from '../job.js';
import { type JobFilter, type JobSort, NEWEST_FIRST, type Place, placeOf } from './job-filter.js';
import { JobLists, type ListOptions } from './job-lists.js';

const SORTS: JobSort[] = (['created_at', 'updated_at', 'priority'] as const).flatMap((by) => [
  { by, descending: true },
  { by, descending: false },
]);

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let jobs: Job[];

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  jobs = [];
  for (let n = 0; n < 10; n++) {
    jobs.push(
      await aJob(db, tenantId, {
        job_id: `job-${String(n)}`,
        // Three at each instant, and instants that differ in their last microsecond.
        created_at: `2026-01-01T00:00:00.00000${String(Math.floor(n / 3))}Z`,
        updated_at: `2026-02-01T00:00:00.00000${String((n * 7) % 5)}Z`,
        priority: n % 4,
        status: (['created', 'succeeded', 'failed'] as const)[n % 3]!,
        labels: { team: n < 5 ? 'a' : 'b', n: String(n) },
        requirement: n % 2 === 0 ? `Which Penguin is no. ${String(n)}, the (heaviest)?` : null,
      }),
    );
  }
  await aJob(db, await aTenant(db), { job_id: 'job-of-another', labels: { team: 'a' } });
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const list = async (filter: JobFilter, options: Partial<ListOptions> = {}): Promise<string[]> => {
  const { jobs: found } = await programs.lists.read(mine(), filter, { limit: 100, ...options });
  return found.map((job) => job.job_id);
};
const named = (...numbers: number[]): string[] => numbers.map((n) => `job-${String(n)}`);

/** What the list should be, sorted here: by the columns of the order, each compared as what it is. */
function sorted(by: JobSort, some = jobs): string[] {
  const ascending = [...some].sort((a, b) => {
    if (by.by === 'priority' && a.priority !== b.priority) return a.priority - b.priority;
    const [one, other] = [a, b].map((job) =>
      placeOf(job, by.by === 'priority' ? NEWEST_FIRST : by).join(' '),
    );
    return one! < other! ? -1 : 1;
  });
  return (by.descending ? ascending.reverse() : ascending).map((job) => job.job_id);
}

/** Walks the list to its end; the names, and how many pages it took. */
async function walk(
  lists: JobLists,
  filter: JobFilter,
  { sort = NEWEST_FIRST, limit }: ListOptions,
): Promise<{ names: string[]; pages: number }> {
  const names: string[] = [];
  let after: Place | null = null;
  for (let pages = 1; ; pages++) {
    const { jobs: found, stoppedAt } = await lists.read(mine(), filter, { sort, limit, after });
    names.push(...found.map((job) => job.job_id));
    after = found.length === limit ? placeOf(found.at(-1)!, sort) : stoppedAt;
    if (!after) return { names, pages };
  }
}

describe('a list of jobs', () => {
  it('has the newest first, and none of another tenant', async () => {
    expect(await list({})).toEqual(jobs.map((job) => job.job_id).reverse());
  });

  it.each(SORTS)('can be in the order of $by, descending: $descending', async (sort) => {
    expect(await list({}, { sort })).toEqual(sorted(sort));
    const some = jobs.filter((job) => job.status !== 'created');
    expect(await list({ statuses: ['failed', 'succeeded'] }, { sort })).toEqual(sorted(sort, some));
  });

  it.each(SORTS.flatMap((sort) => [1, 3, 4, 10].map((limit) => ({ ...sort, limit }))))(
    'by $by, descending: $descending, in pages of $limit has each job once, whatever they share',
    async ({ limit, ...sort }) => {
      expect((await walk(programs.lists, {}, { sort, limit })).names).toEqual(sorted(sort));
    },
  );

  it('can be of some statuses, some labels, or both', async () => {
    expect(await list({ statuses: ['succeeded'], labels: { team: 'a' } })).toEqual(named(4, 1));
    expect(await list({ labels: { team: 'b' } })).toEqual(named(9, 8, 7, 6, 5));
    expect(await list({ labels: { team: 'a', n: '7' } })).toEqual([]);
    expect(await list({ statuses: ['running', 'queued'] })).toEqual([]);
    expect(await list({ labels: { team: 'a' } }, { sort: { by: 'created_at', descending: false } })).toEqual(
      named(0, 1, 2, 3, 4),
    );
    expect(await list({ labels: { team: 'a' } }, { sort: { by: 'updated_at', descending: true } })).toEqual(
      sorted({ by: 'updated_at', descending: true }, jobs.slice(0, 5)),
    );
  });

  it('can be of jobs whose requirement has all the words, in any case and order', async () => {
    expect(await list({ text: 'penguin' })).toEqual(named(8, 6, 4, 2, 0));
    expect(await list({ text: 'HEAVIEST which?' })).toEqual(named(8, 6, 4, 2, 0));
    expect(await list({ text: 'heav' })).toEqual([]);
    expect(await list({ text: 'penguin lightest' })).toEqual([]);
    expect(await list({ text: 'penguin', labels: { team: 'a' }, statuses: ['failed'] })).toEqual(named(2));
  });

  it('has nothing for a text without a word, rather than everything', async () => {
    for (const text of ['', ' ', '?!', 'x']) {
      expect(await list({ text })).toEqual([]);
      expect(await list({ text, labels: { team: 'a' } })).toEqual([]);
      expect(await programs.lists.total(mine(), { text })).toEqual({ value: 0, relation: 'exact' });
    }
  });

  it('can begin and end at instants, the first of which belongs to it', async () => {
    const [createdSince, createdUntil] = ['2026-01-01T00:00:00.000001Z', '2026-01-01T00:00:00.000003Z'];
    expect(await list({ createdSince, createdUntil })).toEqual(named(8, 7, 6, 5, 4, 3));
    const updatedSince = '2026-02-01T01:00:00.000003+01:00';
    const late = jobs.filter((_, n) => (n * 7) % 5 >= 3);
    const by = { by: 'updated_at', descending: true } as const;
    expect(await list({ updatedSince })).toEqual(sorted(NEWEST_FIRST, late));
    expect(await list({ updatedSince }, { sort: by })).toEqual(sorted(by, late));
    expect(await list({ updatedSince, createdSince, labels: { team: 'b' } })).toEqual(
      sorted(
        NEWEST_FIRST,
        late.filter((job) => job.labels['team'] === 'b'),
      ),
    );
  });

  it('that looks at few candidates a page has all of them in the end, in pages that may be short', async () => {
    const lists = new JobLists(programs.api, 2);
    for (const sort of SORTS) {
      const labels = { n: '7' };
      const { names, pages } = await walk(lists, { labels, statuses: ['succeeded'] }, { sort, limit: 5 });
      expect([sort, names]).toEqual([sort, named(7)]);
      if (sort.by !== 'created_at') expect(pages).toBeGreaterThan(1);
    }
  });

  it('is not disturbed by jobs that come while it is read', async () => {
    const own = await aTenant(db);
    const at = (n: number) => `2026-03-01T00:00:0${String(n)}.000000Z`;
    for (const n of [1, 2, 3, 4]) await aJob(db, own, { job_id: `old-${String(n)}`, created_at: at(n) });
    const scope = programs.client(own);
    const first = await programs.lists.read(scope, {}, { limit: 2 });
    await aJob(db, own, { job_id: 'new', created_at: at(9) });
    const after = placeOf(first.jobs[1]!, NEWEST_FIRST);
    const rest = await programs.lists.read(scope, {}, { limit: 9, after });
    expect([...first.jobs, ...rest.jobs].map((job) => job.job_id)).toEqual([
      'old-4',
      'old-3',
      'old-2',
      'old-1',
    ]);
  });
});

describe('the total of a list', () => {
  it('is exact where counting is short', async () => {
    const totals = async (filter: JobFilter): Promise<unknown> => programs.lists.total(mine(), filter);
    expect(await totals({})).toEqual({ value: 10, relation: 'exact' });
    expect(await totals({ statuses: ['failed', 'created'] })).toEqual({ value: 7, relation: 'exact' });
    expect(await totals({ text: 'penguin', labels: { team: 'a' } })).toEqual({ value: 3, relation: 'exact' });
    expect(await totals({ labels: { team: 'nobody' } })).toEqual({ value: 0, relation: 'exact' });
  });
});

describe('the terms of a job', () => {
  const termsOf = async (own: string): Promise<string[]> => {
    const rows = await db.sql<{ term: string }>(
      'SELECT term FROM job_term WHERE tenant_id = $1 ORDER BY term',
      [own],
    );
    return rows.map(({ term }) => term);
  };

  it('are written with it, and go when its data are erased', async () => {
    const own = await aTenant(db);
    const scope = programs.client(own, { reason: 'asked to' });
    const request = { requirement: 'How heavy?', labels: { team: 'x', empty: '' }, traceId: newTraceId() };
    const { job } = await programs.lifecycle.create(scope, request, null);
    expect(await termsOf(own)).toEqual(['l:empty=', 'l:team=x', 'w:heavy', 'w:how']);
    await programs.lifecycle.cancel(scope, job.job_id, null);
    expect(await termsOf(own)).toHaveLength(4);
    await programs.erasure.erase({ ...scope, reason: 'asked to' }, job.job_id, null);
    expect(await termsOf(own)).toEqual([]);
  });

  it('go with a job that is deleted, and only those of that job', async () => {
    const own = await aTenant(db);
    const ended = await aJob(db, own, { status: 'succeeded', labels: { team: 'x' }, requirement: 'one two' });
    await aJob(db, own, { status: 'succeeded', labels: { team: 'x' }, requirement: null });
    await db.sql('DELETE FROM job WHERE tenant_id = $1 AND job_id = $2', [own, ended.job_id]);
    expect(await termsOf(own)).toEqual(['l:team=x']);
  });
});
