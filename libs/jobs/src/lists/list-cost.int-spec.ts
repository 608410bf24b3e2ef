import { aTenant, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ListStatement, type ListRequest, type Statement } from './list-statement.js';

/** Enough that a plan which reads all jobs of the tenant, or sorts them, is far off from every bound below. */
const JOBS = 40_000;
const LIMIT = 51;
const BUDGET = 500;
/** Three levels of an index, the row itself, and a visit to job_term. */
const BUFFERS_A_CANDIDATE = 9;

interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Node[];
}

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  const another = await aTenant(db);
  await db.sql('SET session_replication_role = replica');
  await db.sql(
    `INSERT INTO job (
       tenant_id, job_id, status, version, priority, labels, requirement, trace_id, created_at, updated_at, plan_id,
       finished_at, run_id, lease_no
     )
     SELECT tenant_id, 'job-' || n, status, 3, n % 7,
       CASE WHEN n % 10000 = 0 THEN '{"rare": "yes"}' ELSE jsonb_build_object('team', n % 3) END,
       'Which penguin is number ' || n || CASE WHEN n % 8000 = 0 THEN ' albatross' ELSE '' END, repeat('a', 32),
       timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-03-01' + (n * 7919 % $3) * interval '1 second',
       repeat('a', 64), CASE WHEN status IN ('succeeded', 'failed', 'cancelled') THEN now() END, gen_random_uuid(), 1
     FROM unnest($1::text[]) AS tenant (tenant_id), generate_series(1, $3) AS n
     CROSS JOIN LATERAL (
       SELECT CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 9 = 0 THEN 'queued' ELSE $2 END AS status
     ) AS s`,
    [[tenantId, another], 'succeeded', JOBS],
  );
  await db.sql('RESET session_replication_role');
  await db.sql(
    `INSERT INTO job_term SELECT tenant_id, term, created_at, job_id FROM job, job_terms(requirement, labels) AS term`,
  );
  await db.sql('VACUUM ANALYZE job, job_term');
}, 120_000);
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

async function planOf({ text, values }: Statement): Promise<Node[]> {
  const rows = await programs.api.transaction(programs.client(tenantId), (tx) =>
    tx.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values),
  );
  const flat = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flat)];
  return flat(rows[0]!['QUERY PLAN'][0].Plan);
}

const request = (given: Partial<ListRequest>): ListRequest => ({
  ...{ tenantId, filter: {}, sort: { by: 'created_at', descending: true }, terms: [], after: null },
  ...given,
});
const MIDDLE = '2026-01-01T06:00:00.000000Z';
const LATER = '2026-03-01T06:00:00.000000Z';
const by = (order: ListRequest['sort']['by'], descending = true): Partial<ListRequest> => ({
  sort: { by: order, descending },
});

/** Each kind of list, and how many candidates a page of it may look at. */
const KINDS: readonly [what: string, given: Partial<ListRequest>, most: number][] = [
  ['all of them', {}, LIMIT],
  ['all of them, oldest first', by('created_at', false), LIMIT],
  ['all of them, deep in the list', { after: [MIDDLE, 'job-1'] }, LIMIT],
  ['of one status', { filter: { statuses: ['failed'] } }, LIMIT],
  ['of several statuses', { filter: { statuses: ['failed', 'queued', 'running'] } }, LIMIT + 3],
  [
    'of several statuses, deep',
    { filter: { statuses: ['failed', 'queued'] }, after: [MIDDLE, 'x'] },
    LIMIT + 2,
  ],
  ['of a range', { filter: { createdSince: MIDDLE, createdUntil: '2026-01-01T07:00:00Z' } }, LIMIT],
  ['by change', by('updated_at'), LIMIT + 8],
  ['by change, oldest first, deep', { ...by('updated_at', false), after: [LATER, 'x'] }, LIMIT + 8],
  ['by change, in a range', { ...by('updated_at'), filter: { updatedSince: LATER } }, LIMIT + 8],
  ['by priority', by('priority'), LIMIT + 8],
  ['by priority, deep', { ...by('priority'), after: ['3', MIDDLE, 'x'] }, LIMIT + 8],
  [
    'by priority, of some statuses',
    { ...by('priority', false), filter: { statuses: ['failed'] } },
    LIMIT + 1,
  ],
  ['of a common label', { terms: ['l:team=1'] }, LIMIT],
  ['of a common label, deep', { terms: ['l:team=1'], after: [MIDDLE, 'x'] }, LIMIT],
  ['of a rare label', { terms: ['l:rare=yes'] }, LIMIT],
  ['of a rare word', { terms: ['w:albatross'] }, LIMIT],
  ['of a common word', { terms: ['w:penguin'] }, LIMIT],
  ['of a word that is nowhere', { terms: ['w:zebra'] }, LIMIT],
  ['of two words that meet nowhere', { terms: ['w:albatross', 'w:zebra'] }, BUDGET],
  ['of two common terms that meet seldom', { terms: ['w:penguin', 'l:rare=yes'] }, BUDGET],
  ['of a rare label, by change', { ...by('updated_at'), terms: ['l:rare=yes'] }, BUDGET + 8],
  ['of a rare word, by priority', { ...by('priority'), terms: ['w:zebra'] }, BUDGET + 8],
  [
    'of a common label and a status that has none',
    { terms: ['l:team=1'], filter: { statuses: ['running'] } },
    BUDGET,
  ],
  ['by creation, in a range of changes', { filter: { updatedUntil: '2026-03-01T00:00:01Z' } }, BUDGET],
];

describe('a page of jobs', () => {
  it.each(KINDS)('%s reads what it shows, or its budget, and no more', async (_what, given, most) => {
    const nodes = await planOf(new ListStatement(request(given)).page(LIMIT, BUDGET));
    const types = nodes.map((node) => node['Node Type']);
    expect(types).not.toContain('Seq Scan');
    expect(types).not.toContain('Sort');
    expect(types.filter((type) => /Bitmap|Hash|Gather/.test(type))).toEqual([]);
    const scans = nodes.filter((node) => /Index.* Scan/.test(node['Node Type']));
    expect(scans.length).toBeGreaterThan(0);
    // What an index gave and a filter threw away was read as well.
    for (const scan of scans) expect(scan['Rows Removed by Filter'] ?? 0).toBe(0);
    const candidates = scans
      .filter((scan) => scan['Actual Loops'] === 1)
      .reduce((sum, scan) => sum + scan['Actual Rows'], 0);
    expect(candidates).toBeLessThanOrEqual(most);
    const [top] = nodes;
    const buffers = top!['Shared Hit Blocks'] + top!['Shared Read Blocks'];
    expect(buffers).toBeLessThanOrEqual((most + 8) * BUFFERS_A_CANDIDATE);
  });

  it('that has to go on finds its place at no more than its budget', async () => {
    const statement = new ListStatement(request({ ...by('updated_at'), terms: ['w:zebra'] }));
    const nodes = await planOf(statement.lastPlace(BUDGET));
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
    const read = nodes.filter((node) => /Index.* Scan/.test(node['Node Type']));
    expect(read.reduce((sum, node) => sum + node['Actual Rows'], 0)).toBeLessThanOrEqual(BUDGET + 8);
  });
});

describe('the total', () => {
  it.each([
    ['of all', {}],
    ['of a common word', { text: 'penguin' }],
  ])('%s stops counting at 10,000', async (_what, filter) => {
    expect(await programs.lists.total(programs.client(tenantId), filter)).toEqual({
      value: 10_000,
      relation: 'at_least',
    });
  });

  it('of what is rare is exact among many', async () => {
    const total = await programs.lists.total(programs.client(tenantId), { labels: { rare: 'yes' } });
    expect(total).toEqual({ value: JOBS / 10_000, relation: 'exact' });
  });
});
