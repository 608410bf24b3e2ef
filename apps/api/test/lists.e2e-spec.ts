import { type Client, Deployment, type Problem } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobBody, JobPage } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { noop, planOf } from './plans.js';

const JOBS = 7;

let deployment: Deployment;
let client: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  client = await deployment.client(await deployment.api());
  for (let n = 0; n < JOBS; n++) {
    await client.post<JobBody>('/v1/jobs', {
      job_id: `job-${String(n)}`,
      requirement: n % 2 === 0 ? 'How heavy is a penguin?' : 'Nothing of the kind.',
      labels: { team: n < 3 ? 'a=b & "c"' : 'other' },
      priority: n % 3,
      ...(n < 2 ? { plan: planOf(noop('a')) } : {}),
    });
  }
});
afterAll(async () => {
  await deployment.close();
});

const list = async (query: string): Promise<JobPage> => (await client.get<JobPage>(`/v1/jobs?${query}`)).body;
const ids = async (query: string): Promise<string[]> => (await list(query)).items.map((job) => job.job_id);
const named = (...numbers: number[]): string[] => numbers.map((n) => `job-${String(n)}`);

/** The addresses that a Link header names, by their relation. */
function linksOf(headers: Headers): Record<string, string> {
  const links = [...(headers.get('link') ?? '').matchAll(/<([^>]+)>; rel="(\w+)"/g)];
  return Object.fromEntries(links.map(([, address = '', rel = '']) => [rel, address]));
}

describe('GET /v1/jobs', () => {
  it.each([
    ['sort=priority&limit=20', [0, 3, 6, 1, 4, 2, 5]],
    ['sort=-priority', [5, 2, 4, 1, 6, 3, 0]],
    ['sort=created_at', [0, 1, 2, 3, 4, 5, 6]],
    ['sort=-updated_at&status=draft_ready', [1, 0]],
    [`label=${encodeURIComponent('team=a=b & "c"')}`, [2, 1, 0]],
    ['text=PENGUIN,%20heavy!', [6, 4, 2, 0]],
    ['text=penguin&status=created,draft_ready&label=team%3Dother', [6, 4]],
    ['text=penguins', []],
    ['created_since=2999-01-01T00:00:00Z', []],
    ['updated_until=2999-01-01T00:00:00Z&text=kind', [5, 3, 1]],
  ])('?%s', async (query, expected) => {
    expect(await ids(query)).toEqual(named(...expected));
  });

  it('is read to its end by its links alone, each job once', async () => {
    const seen: string[] = [];
    const firsts = new Set<string | undefined>();
    for (
      let address: string | undefined = '/v1/jobs?sort=-priority&limit=2&status=created,draft_ready';
      address;
    ) {
      const { body, headers }: { body: JobPage; headers: Headers } = await client.get<JobPage>(address);
      seen.push(...body.items.map((job) => job.job_id));
      const links = linksOf(headers);
      firsts.add(links['first']);
      address = links['next'];
      expect(address === undefined).toBe(body.next_cursor === null);
    }
    expect(seen).toEqual(named(5, 2, 4, 1, 6, 3, 0));
    expect([...firsts]).toEqual(['/v1/jobs?sort=-priority&limit=2&status=created%2Cdraft_ready']);
  });

  it('shows the fields that were asked for, and always which job it is', async () => {
    const { items } = await list('fields=status,labels&limit=1');
    expect(items).toEqual([{ job_id: 'job-6', status: 'created', labels: { team: 'other' } }]);
    const whole = await list('limit=1');
    const every = await list(`limit=1&fields=${Object.keys(whole.items[0]!).join(',')}`);
    expect(every).toEqual(whole);
  });

  it('counts where it is asked to', async () => {
    expect((await list('limit=1')).total).toBeUndefined();
    expect((await list('limit=1&total=true')).total).toEqual({ value: JOBS, relation: 'exact' });
    expect((await list('limit=1&total=true&text=penguin')).total).toEqual({ value: 4, relation: 'exact' });
  });

  it.each([
    ['fields=status,secret', '/fields'],
    ['sort=requirement', '/sort'],
    ['created_since=yesterday', '/created_since'],
    ['updated_until=2026-01-01T00:00:00', '/updated_until'],
    ['total=perhaps', '/total'],
    ['colour=red', '/colour'],
    ['text=' + 'x'.repeat(201), '/text'],
  ])('?%s is refused at %s', async (query, pointer) => {
    const { status, body } = await client.get<Problem>(`/v1/jobs?${query}`);
    expect([status, body.code, body.errors?.map((error) => error.pointer)]).toEqual([
      400,
      'INPUT_VALIDATION_FAILED',
      [pointer],
    ]);
  });

  it('takes a cursor in its own order only', async () => {
    const { next_cursor: cursor } = await list('limit=1&sort=priority');
    expect((await client.get<JobPage>(`/v1/jobs?sort=priority&cursor=${cursor!}`)).status).toBe(200);
    for (const sort of ['-priority', 'created_at', '-updated_at']) {
      const { status, body } = await client.get<Problem>(`/v1/jobs?sort=${sort}&cursor=${cursor!}`);
      expect([status, body.code]).toEqual([400, 'CURSOR_INVALID']);
    }
  });
});

it('the log stays clean', () => {
  expectCleanLog(deployment, [client.key!, 'penguin']);
});
