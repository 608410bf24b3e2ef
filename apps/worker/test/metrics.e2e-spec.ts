import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Client, Deployment, eventually, type Program, prometheusProgram, promtool } from '#testing';
import { readFileSync } from 'node:fs';
import { noop, planOf, sql } from '../../api/test/plans.js';

const LEASE_SECONDS = 5;
const QUICK = {
  SS_METRICS_REFRESH_SECONDS: '1',
  SS_QUEUE_LEASE_TTL_SECONDS: String(LEASE_SECONDS),
  SS_QUEUE_HEARTBEAT_SECONDS: '1',
};

let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;

beforeAll(async () => {
  deployment = await Deployment.open(QUICK);
  [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'acme');
});
afterAll(async () => {
  await deployment.close();
});

const page = async (program: Program): Promise<string> => (await fetch(`${program.url}/metrics`)).text();

/** The value of a series, by its name and labels as they stand on the page; null: there is none. */
async function value(program: Program, series: string): Promise<number | null> {
  const line = (await page(program)).split('\n').find((text) => text.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length));
}

const speaks = async (program: Program): Promise<boolean> => (await value(program, 'ss_tenants')) !== null;

/** Names and types of ours on the page. */
async function told(program: Program): Promise<string[]> {
  return [...(await page(program)).matchAll(/^# TYPE (ss_\S+) (\w+)$/gm)]
    .map(([, name, type]) => `${String(name)} ${String(type)}`)
    .sort();
}

function documented(...tellers: string[]): string[] {
  return readFileSync('docs/metrics.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `ss_'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .filter(([, , , , , who = '']) => who.split(', ').some((one) => tellers.includes(one)))
    .map(([, name = '', type = '']) => `${name} ${type}`)
    .sort();
}

describe('/metrics', () => {
  it('tells on both programs what the documents say, of the type that they say', async () => {
    await eventually(() => speaks(worker), 15_000);
    expect(await told(api)).toEqual(documented('API'));
    expect(await told(worker)).toEqual(documented('worker', 'one worker'));
    for (const program of [api, worker]) {
      expect(await page(program)).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
    }
  });

  const withPromtool = prometheusProgram('promtool') === null ? it.skip : it;

  withPromtool('is clean for promtool on both programs (skipped where it is not installed)', async () => {
    await eventually(() => speaks(worker), 15_000);
    for (const program of [api, worker]) {
      const { code, output } = promtool(['check', 'metrics'], await page(program));
      expect([program.name, code, output]).toEqual([program.name, 0, '']);
    }
  });

  it('counts what became of jobs where it was done, and nothing that was refused', async () => {
    const before = (await value(api, 'ss_jobs_total{event="created"}')) ?? 0;
    const headers = { 'idempotency-key': 'once' };
    const body = { job_id: 'counted', plan: planOf(sql('s', 'SELECT 1 AS one')), confirm: true };
    await client.post('/v1/jobs', body, headers);
    await client.post('/v1/jobs', body, headers);
    expect((await client.post('/v1/jobs', body)).status).toBe(409);
    await client.post('/v1/jobs', {
      job_id: 'broken',
      plan: planOf(sql('s', 'SELECT nothing')),
      confirm: true,
    });
    for (const job of ['counted', 'broken']) await client.get(`/v1/jobs/${job}`, { prefer: 'wait=60' });
    expect(await value(api, 'ss_jobs_total{event="created"}')).toBe(before + 2);
    expect(await value(api, 'ss_idempotent_replays_total')).toBe(1);
    expect(await value(worker, 'ss_jobs_total{event="succeeded"}')).toBe(1);
    expect(await value(worker, 'ss_jobs_total{event="failed"}')).toBe(1);
    expect(await value(worker, 'ss_run_duration_seconds_count{outcome="succeeded"}')).toBe(1);
    expect(await value(worker, 'ss_job_start_delay_seconds_count')).toBe(2);
    expect(await value(worker, 'ss_job_attempts_count')).toBe(2);
    expect(await value(worker, 'ss_step_duration_seconds_count{type="sql",outcome="succeeded"}')).toBe(1);
    expect(await value(worker, 'ss_step_duration_seconds_count{type="sql",outcome="failed"}')).toBe(1);
    expect(await value(worker, 'ss_job_state_duration_seconds_count{status="queued"}')).toBe(2);
    expect(await value(worker, 'ss_worker_slots')).toBe(2);
    expect(await page(worker)).toMatch(/^ss_worker_up\{worker_id="[0-9a-f-]{36}"\} 1$/m);
    // Between two looks a worker rests for as long as its machine is slow.
    await eventually(async () => (await value(worker, 'ss_jobs{status="succeeded"}')) === 1, 30_000);
  });

  it('names requests by the pattern of their route, and what has none alike', async () => {
    const conflict = await client.post('/v1/jobs/counted/cancel', { reason: 'x' }, { 'if-match': '"1"' });
    expect(conflict.status).toBe(412);
    await client.get('/v1/nothing/of/the/kind/9d1c');
    await client.get('/%E0%A4%A');
    await eventually(async () => ((await value(api, 'ss_version_conflicts_total')) ?? 0) > 0);
    const text = await page(api);
    expect(text).toMatch(
      /^ss_http_requests_total\{method="POST",route="\/v1\/jobs\/:job_id\/cancel",status_code="\d+"\} 1$/m,
    );
    expect(text).toMatch(/^ss_http_requests_total\{method="GET",route="unmatched",status_code="404"\} 1$/m);
    expect(text).not.toMatch(/9d1c|counted|route="\/metrics"/);
  });

  it('is on a port of its own where that is asked for, and nowhere where it is not wanted', async () => {
    const [own, off] = await Promise.all([
      deployment.api({ SS_METRICS_PORT: '0' }),
      deployment.api({ SS_METRICS: 'false' }),
    ]);
    const { metrics_url: url } = own.find('SS_API_STARTUP')!;
    expect(await (await fetch(String(url))).text()).toContain('ss_build_info{program="api"');
    expect((await fetch(String(url).replace('/metrics', '/health/live'))).status).toBe(404);
    expect((await fetch(`${own.url}/metrics`)).status).toBe(404);
    expect((await fetch(`${off.url}/metrics`)).status).toBe(404);
    expect((await own.stop()).code).toBe(0);
    expect((await off.stop()).code).toBe(0);
  });
});

describe('what is true of the whole system', () => {
  it('is told by one worker, and by the next one when that is killed', async () => {
    await eventually(() => speaks(worker), 15_000);
    const second = await deployment.worker();
    await client.post('/v1/jobs', {
      plan: planOf(noop('a')),
      confirm: true,
      run_after: '2100-01-01T00:00:00Z',
    });
    await eventually(async () => (await value(worker, 'ss_workers_alive')) === 2, 15_000);
    await eventually(
      async () => (await value(worker, 'ss_queue_tenant_depth{queue="job.run",tenant="acme"}')) === 1,
      30_000,
    );
    expect(await speaks(second)).toBe(false);
    await worker.stop('SIGKILL');
    await eventually(() => speaks(second), (LEASE_SECONDS + 10) * 1_000);
    expect(await value(second, 'ss_workers_alive')).toBe(1);
  });
});
