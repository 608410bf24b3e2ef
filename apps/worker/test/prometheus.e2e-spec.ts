import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { draftByRules, FakeModelServer } from '#fake-llm';
import {
  type Client,
  Deployment,
  eventually,
  type Program,
  Prometheus,
  type PrometheusSample,
  prometheusProgram,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { noop, planOf, sql } from '../../api/test/plans.js';

const CSV = readFileSync('examples/penguins.csv');
const RULES = readFileSync('deploy/prometheus/rules.yml', 'utf8');
const PATIENCE_MS = 90_000;

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
}

const rules = (parse(RULES) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const recorded = rules.flatMap(({ record }) => record ?? []);
const panels = (JSON.parse(readFileSync('deploy/grafana/ss.json', 'utf8')) as { panels: Panel[] }).panels;
/** What Grafana puts there, for a server that scrapes every second. */
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr.replaceAll('$__rate_interval', '1m')] as const),
);

/** Rules that wait for nothing: how long an alert has to hold is tried by promtool, in its own time. */
const IMPATIENT = RULES.replaceAll(/^( +for:) .+$/gm, '$1 0s').replaceAll('interval: 30s', 'interval: 1s');

/**
 * The same alerts with bounds that a system at ease has passed already, but for those that ask for what is missing: an
 * alert that looks for a name or a label that nobody tells stays silent. The bounds themselves are tried by promtool.
 */
const eager = rules.flatMap(({ alert, expr }) =>
  alert === undefined || expr.startsWith('absent(')
    ? []
    : { alert: `Eager${alert}`, expr: withoutBounds(expr) },
);

function withoutBounds(expr: string): string {
  return expr
    .replaceAll(/> [\d.e]+/g, '>= 0')
    .replaceAll(/< [\d.]+/g, '<= 1')
    .replaceAll(/== [12]/g, '>= 0')
    .replaceAll('> max by', '> -1 - max by');
}

let models: FakeModelServer;
let db: TestDatabase;
let deployment: Deployment;
let api: Program;
let worker: Program;
let prometheus: Prometheus;
let client: Client;

const story = prometheusProgram('prometheus') === null ? describe.skip : describe;

story('a Prometheus server (skipped where it is not installed)', () => {
  beforeAll(async () => {
    models = await FakeModelServer.start({ answer: draftByRules });
    db = await testDatabase();
    deployment = await Deployment.on(db);
    api = await deployment.api();
    worker = await deployment.worker({
      SS_METRICS_PORT: '0',
      SS_METRICS_REFRESH_SECONDS: '1',
      SS_AUDIT_SEAL_SECONDS: '1',
      SS_JOB_RETENTION_SWEEP_SECONDS: '1',
      SS_WORKER_CONCURRENCY: '1',
      SS_LLM_PROVIDER: 'openai_compatible',
      SS_LLM_BASE_URL: models.url,
      SS_LLM_MODEL: 'fake',
      SS_LLM_PRICES: '{"fake": {"input_micros_per_million": 1000000, "output_micros_per_million": 1000000}}',
    });
    client = await deployment.client(api, 'acme');
    await db.put('tenant_drafting', { tenant_id: 'acme', calls_per_day: 1_000 });
    const later = new Date(Date.now() + 3_600_000).toISOString();
    await client.post('/v1/jobs', { plan: planOf(noop('later')), confirm: true, run_after: later });
    const targets = [api.url, String(worker.find('SS_WORKER_STARTUP')?.['metrics_url'])].map(
      (url) => new URL(url).host,
    );
    prometheus = await Prometheus.start(deployment.folder, {
      targets,
      rules: {
        'rules.yml': IMPATIENT,
        'eager.yml': stringify({ groups: [{ name: 'eager', rules: eager }] }),
      },
    });
  });
  afterAll(async () => {
    await prometheus.stop();
    await deployment.close();
    await models.stop();
    await db.drop();
  });

  it('scrapes API and worker, and has an answer to each query of the dashboard and each recording rule', async () => {
    const working = new AbortController();
    const work = keepWorking(working.signal);
    const missing = new Set([
      ...queries.map(([title, expr]) => `${title}: ${expr}`),
      ...recorded.map((name) => `rule: ${name}`),
    ]);
    try {
      await eventually(async () => {
        for (const entry of missing) {
          if (hasValue(await prometheus.query(entry.slice(entry.indexOf(': ') + 2)))) missing.delete(entry);
        }
        return missing.size === 0;
      }, PATIENCE_MS).catch(() => undefined);
    } finally {
      working.abort();
      await work;
    }
    expect([...missing]).toEqual([]);
    expect((await prometheus.query('up == 1')).length).toBe(2);
  });

  it('finds for each alert the figures that it judges', async () => {
    const silent = new Set(eager.map(({ alert }) => alert));
    await eventually(async () => {
      for (const { alertname = '' } of await firing()) silent.delete(alertname);
      return silent.size === 0;
    }, PATIENCE_MS).catch(() => undefined);
    expect([...silent]).toEqual([]);
  });

  it('alerts to a budget that is nearly used up, by its tenant, and to a queue that is paused', async () => {
    await db.put('tenant_drafting', { tenant_id: 'thrifty', tokens_per_day: 100 });
    const day = new Date().toISOString().slice(0, 10);
    await db.put('llm_budget_day', { tenant_id: 'thrifty', day, calls: 1, tokens: 95, cost_micros: 0 });
    await db.put('queue_pause', { queue_name: 'job.draft', reason: 'x', paused_by: 'x' });
    const expected = [
      { alertname: 'SSBudgetNearEnd', tenant: 'thrifty', budget: 'tokens', severity: 'ticket' },
      { alertname: 'SSQueuePaused', queue: 'job.draft', severity: 'ticket' },
    ];
    const seen = await eventually(async () => {
      const alerts = await firing();
      const names = alerts.map(({ alertname }) => alertname);
      return expected.every(({ alertname }) => names.includes(alertname)) ? alerts : null;
    }, PATIENCE_MS);
    expect(seen).toEqual(expect.arrayContaining(expected));
  });

  it('alerts nobody to a worker that is there, and somebody once it is gone', async () => {
    const names = async (): Promise<string[]> => (await firing()).map(({ alertname = '' }) => alertname);
    expect(await names()).not.toContain('SSNoLiveWorker');
    await worker.stop();
    await eventually(async () => (await names()).includes('SSNoLiveWorker'), 30_000);
    await eventually(async () => (await names()).includes('SSFiguresMissing'), 30_000);
  });

  async function firing(): Promise<Readonly<Record<string, string>>[]> {
    return (await prometheus.alerts()).filter(({ state }) => state === 'firing').map(({ labels }) => labels);
  }
});

function hasValue(samples: readonly PrometheusSample[]): boolean {
  return samples.some(({ value: [, value] }) => value !== 'NaN');
}

/** A little of everything, again and again, so that nothing stands still: runs, failures, drafts, a queue. */
async function keepWorking(signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const sent = ['SELECT 1 AS one', 'SELECT nothing_of_the_kind', 'SELECT 2 AS two'].map((text) =>
      client.post<{ job_id: string }>('/v1/jobs', { plan: planOf(sql('s', text)), confirm: true }),
    );
    const [first] = await Promise.all(sent);
    const jobId = `drafted-${String(n)}`;
    await client.post('/v1/jobs', { job_id: jobId, requirement: 'Compare body mass between species' });
    await client.upload(`/v1/jobs/${jobId}/inputs`, [
      { role: 'primary_dataset', name: 'penguins.csv', content: new Uint8Array(CSV) },
    ]);
    await client.post(`/v1/jobs/${jobId}/draft`, {}, { Prefer: 'wait=20' });
    await client.post(`/v1/jobs/${jobId}/confirm`, { hold: true });
    await client.post(`/v1/jobs/${jobId}/run`);
    await client.get(`/v1/jobs/${String(first?.body.job_id)}`, { Prefer: 'wait=20' });
  }
}
