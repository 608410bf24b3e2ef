import { draftByRules, FakeModelServer } from '#fake-llm';
import { type Client, Deployment, eventually, type LogLine, OtlpReceiver, type ReceivedSpan } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AuditPage } from '../src/audit/audit.body.js';
import type { DraftBody } from '../src/draft/draft.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import { PENGUINS_CSV } from './penguins.js';

const KEY_OF_MODEL = 'sk-planted-0123456789abcdef';
const PLANTED = 'the planted question 7c1e';
const LITERAL = 'PLANTED-LITERAL-93b1';
const LABEL = 'planted-label-4d20';
const NOOP = { plan_version: 2, steps: [{ step_id: 'nothing', type: 'noop', params: {} }] };
const AT_ONCE = { OTEL_BSP_SCHEDULE_DELAY: '100' };
const WAIT = { Prefer: 'wait=30' };

const collector = (url: string, protocol = 'http/json'): Record<string, string> => ({
  ...AT_ONCE,
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
});

/** A job that does nothing, from its submit to its end. */
async function runNoop(client: Client): Promise<JobBody> {
  const { body } = await client.post<JobBody>('/v1/jobs', { plan: NOOP, confirm: true });
  return (await client.get<JobBody>(`/v1/jobs/${body.job_id}`, WAIT)).body;
}

const ofTrace = (receiver: OtlpReceiver, traceId: string): ReceivedSpan[] =>
  receiver.spans.filter((span) => span.traceId === traceId);

describe('one job across the API, the worker, and a language model', () => {
  const steps = [
    {
      step_id: 'planted',
      type: 'sql',
      params: { sql: `SELECT species, '${LITERAL}' AS mark FROM penguins LIMIT 3` },
    },
    { step_id: 'told', type: 'command', params: { profile: 'tell', args: [] } },
  ];
  let receiver: OtlpReceiver;
  let model: FakeModelServer;
  let deployment: Deployment;
  let client: Client;
  let job: JobBody;
  let spans: ReceivedSpan[];
  let told: string;

  beforeAll(async () => {
    receiver = await OtlpReceiver.http();
    model = await FakeModelServer.start({ answer: draftByRules });
    deployment = await Deployment.open(collector(receiver.url));
    const profiles = await deployment.commandProfiles({
      tell: { command: '/bin/sh', fixed_args: ['-c', 'echo "$TRACEPARENT"'] },
    });
    const api = await deployment.api({ SS_COMMAND_PROFILES: profiles });
    await deployment.worker({
      SS_COMMAND_PROFILES: profiles,
      SS_LLM_PROVIDER: 'openai_compatible',
      SS_LLM_BASE_URL: model.url,
      SS_LLM_API_KEY: KEY_OF_MODEL,
      SS_LLM_MODEL: 'fake',
    });
    client = await deployment.client(api, 'palmer');
    const path = '/v1/jobs/traced';
    const first = await client.post<JobBody>('/v1/jobs', {
      job_id: 'traced',
      requirement: `Compare body_mass_g between species: ${PLANTED}`,
      labels: { team: LABEL },
    });
    // As any client that traces: it goes on with what it was told.
    const headers = { traceparent: first.headers.get('traceparent') ?? '' };
    const file = { role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS_CSV };
    await client.upload(`${path}/inputs`, [file], headers);
    const draft = await client.post<DraftBody>(`${path}/draft`, {}, { ...headers, ...WAIT });
    expect(draft.body).toMatchObject({ status: 'ready', source: 'model' });
    const edited = await client.patch<DraftBody>(
      `${path}/draft`,
      { steps },
      { ...headers, 'If-Match': `"${String(draft.body.version)}"` },
    );
    expect(edited.status).toBe(200);
    expect((await client.post(`${path}/confirm`, {}, headers)).status).toBe(200);
    job = (await client.get<JobBody>(path, { ...headers, ...WAIT })).body;
    told = (await client.get(`${path}/artifacts/logs/told.stdout.txt`, headers)).bytes
      .toString('utf8')
      .trim();
    const isWhole = (): boolean => {
      const names = ofTrace(receiver, job.trace_id).map(({ name }) => name);
      return names.includes('process job.run') && names.includes('GET /v1/jobs/:job_id/artifacts/*');
    };
    await eventually(isWhole, 15_000);
    spans = ofTrace(receiver, job.trace_id);
  }, 120_000);
  afterAll(async () => {
    await deployment.close();
    await model.stop();
    await receiver.stop();
  });

  const named = (name: string): ReceivedSpan => {
    const found = spans.find((span) => span.name === name);
    if (!found) throw new Error(`no span ${name} among ${spans.map((span) => span.name).join(', ')}`);
    return found;
  };
  const parentOf = (span: ReceivedSpan): ReceivedSpan | undefined =>
    spans.find(({ spanId }) => spanId === span.parentSpanId);

  it('came to its end', () => {
    expect(job).toMatchObject({ status: 'succeeded' });
  });

  it('is one connected trace with one beginning: the request that made the job', () => {
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const beginnings = spans.filter(({ parentSpanId }) => parentSpanId === null);
    expect(beginnings.map(({ name }) => name)).toEqual(['POST /v1/jobs']);
    const lost = spans.filter(({ parentSpanId }) => parentSpanId !== null && !ids.has(parentSpanId));
    expect(lost).toEqual([]);
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['ss-api', 'ss-worker']));
  });

  it.each([
    ['job submit', 'POST /v1/jobs'],
    ['transaction JobLifecycle.submit', 'job submit'],
    ['send job.draft', 'transaction JobLifecycle.requestDraft'],
    ['process job.draft', 'send job.draft'],
    ['chat fake', 'process job.draft'],
    ['job confirm', 'POST /v1/jobs/:job_id/confirm'],
    ['send job.run', 'transaction JobLifecycle.confirmLatest'],
    ['receive job.run', 'send job.run'],
    ['process job.run', 'send job.run'],
    ['step sql', 'process job.run'],
    ['step command', 'process job.run'],
    ['transaction JobRuns.settle', 'process job.run'],
  ])('has a span %s, below %s', (name, parent) => {
    expect(parentOf(named(name))?.name).toBe(parent);
  });

  it('tells of each span what the conventions ask for', () => {
    expect(named('POST /v1/jobs/:job_id/confirm')).toMatchObject({
      kind: 2,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/jobs/:job_id/confirm',
        'url.path': '/v1/jobs/traced/confirm',
        'http.response.status_code': 200,
        'ss.tenant_id': 'palmer',
      },
    });
    expect(named('process job.run')).toMatchObject({
      kind: 5,
      attributes: {
        'messaging.system.name': 'pgboss',
        'messaging.destination.name': 'job.run',
        'messaging.operation.type': 'process',
        'ss.job_id': 'traced',
        'ss.outcome': 'succeeded',
      },
    });
    expect(named('chat fake')).toMatchObject({
      kind: 3,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'fake',
        'gen_ai.usage.input_tokens': expect.any(Number),
        'gen_ai.usage.output_tokens': expect.any(Number),
      },
    });
    expect(named('transaction JobRuns.settle').attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'transaction',
      'code.function.name': 'JobRuns.settle',
    });
    expect(named('artifact write').attributes).toEqual({ 'ss.artifact.bytes': expect.any(Number) });
    expect(spans.filter(({ isFailed }) => isFailed)).toEqual([]);
  });

  it('tells the program of a step where it is', () => {
    expect(told).toBe(`00-${job.trace_id}-${named('step command').spanId}-01`);
  });

  it('has its trace id in every line of the log and in every row of the audit', async () => {
    const about = (line: LogLine): boolean =>
      line['job_id'] === 'traced' || String(line['path']).startsWith('/v1/jobs/traced');
    const lines = deployment.programs.flatMap((program) => program.log.filter(about));
    for (const event of ['SS_API_REQUEST', 'SS_DRAFT_START', 'SS_LLM_CALL_DONE', 'SS_WORKER_STEP_DONE']) {
      expect(lines.map((line) => line.event)).toContain(event);
    }
    expect(lines.filter((line) => line['trace_id'] !== job.trace_id)).toEqual([]);
    const { body } = await client.get<AuditPage>('/v1/jobs/traced/audit');
    expect(body.items.length).toBeGreaterThan(5);
    expect(body.items.filter((row) => row.trace_id !== job.trace_id)).toEqual([]);
  });

  it('tells the collector no key, no question, no statement and no data', () => {
    const all = Buffer.concat(receiver.bodies).toString('utf8');
    expect(all).toContain('traced');
    const secrets = [client.key ?? '?', KEY_OF_MODEL, PLANTED, LITERAL, LABEL];
    // An island, a statement of the step, and any of ours.
    for (const secret of [...secrets, 'Torgersen', 'LIMIT 3', 'SELECT', 'INSERT INTO', 'set_config']) {
      expect([secret, all.includes(secret)]).toEqual([secret, false]);
    }
  });
});

describe('a job that comes with a trace', () => {
  it('stays in it, and says so', async () => {
    const receiver = await OtlpReceiver.http();
    const deployment = await Deployment.open(collector(receiver.url));
    try {
      const [api] = await Promise.all([deployment.api(), deployment.worker()]);
      const client = await deployment.client(api);
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'vendor=planted' };
      const made = await client.post<JobBody>('/v1/jobs', { plan: NOOP, confirm: true, hold: true }, headers);
      expect(made.body.trace_id).toBe(traceId);
      expect(made.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
      expect(made.headers.get('traceparent')).not.toContain('00f067aa0ba902b7');
      expect(made.headers.get('tracestate')).toBe('vendor=planted');
      // Queued by a request of another trace: the run stays in the job's.
      await client.post(`/v1/jobs/${made.body.job_id}/run`);
      await client.get(`/v1/jobs/${made.body.job_id}`, WAIT);
      const find = (wanted: string): Promise<ReceivedSpan> =>
        eventually(() => ofTrace(receiver, traceId).find(({ name }) => name === wanted), 15_000);
      const [run, send, submit] = [
        await find('process job.run'),
        await find('send job.run'),
        await find('POST /v1/jobs'),
      ];
      expect(submit.parentSpanId).toBe('00f067aa0ba902b7');
      expect(send.parentSpanId).toBe(submit.spanId);
      expect(run.parentSpanId).toBe(send.spanId);
      const other = await eventually(() => receiver.spans.find(({ name }) => name.endsWith('/run')));
      expect(send.links.map((link) => link.traceId)).toEqual([other.traceId]);
      expect(other.traceId).not.toBe(traceId);
      const [row] = await deployment.sql<{ trace_parent: string; trace_state: string }>(
        'SELECT trace_parent, trace_state FROM job WHERE job_id = $1',
        [made.body.job_id],
      );
      expect(row?.trace_parent).toBe(made.headers.get('traceparent'));
      expect(row?.trace_state).toBe('vendor=planted');
    } finally {
      await deployment.close();
      await receiver.stop();
    }
  }, 60_000);
});

describe('a collector', () => {
  it('may speak gRPC, and gets the same trace', async () => {
    const receiver = await OtlpReceiver.grpc();
    const deployment = await Deployment.open(collector(receiver.url, 'grpc'));
    try {
      const [api] = await Promise.all([deployment.api(), deployment.worker()]);
      const job = await runNoop(await deployment.client(api));
      const id = Buffer.from(job.trace_id, 'hex');
      const services = ['ss-api', 'ss-worker'];
      await eventually(
        () =>
          services.every((service) =>
            receiver.bodies.some((body) => body.includes(id) && body.includes(service)),
          ),
        15_000,
      );
    } finally {
      await deployment.close();
      await receiver.stop();
    }
  }, 60_000);

  it.each(['hangs', 'refuses', 'is not there'] as const)(
    'that %s neither slows nor fails a job, nor holds up a shutdown',
    async (mood) => {
      const receiver = await OtlpReceiver.http(mood === 'is not there' ? 'takes' : mood);
      const { url } = receiver;
      if (mood === 'is not there') await receiver.stop();
      const deployment = await Deployment.open(collector(url));
      try {
        const [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
        const client = await deployment.client(api);
        const jobs = [await runNoop(client), await runNoop(client), await runNoop(client)];
        expect(jobs.map(({ status, attempts }) => [status, attempts])).toEqual(
          jobs.map(() => ['succeeded', 0]),
        );
        if (mood !== 'is not there') await eventually(() => receiver.requests > 0);
        if (mood === 'refuses') await eventually(() => worker.find('SS_TRACING_FAULT'));
        const begun = performance.now();
        const ends = await Promise.all([api.stop(), worker.stop()]);
        expect(ends.map(({ code }) => code)).toEqual([0, 0]);
        // Draining, the last sending, and what a busy machine takes.
        expect(performance.now() - begun).toBeLessThan(15_000);
        const lines = deployment.programs.flatMap((program) => program.log);
        expect(lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
      } finally {
        await deployment.close();
        if (mood !== 'is not there') await receiver.stop();
      }
    },
    60_000,
  );
});

describe('without a collector', () => {
  it('nothing of the SDK is loaded', async () => {
    // The client of gRPC is the SDK's, and stands in the list of what was loaded.
    const lib = join(import.meta.dirname, '../../../dist/libs/observability/src/index.js');
    const script = `
      import Module from 'node:module';
      import { startTracing, createLogger } from ${JSON.stringify(lib)};
      const logger = createLogger({ program: 'test', level: 'silent' });
      const tracing = await startTracing({ service: 'ss-test', environment: process.env, logger });
      const isLoaded = Object.keys(Module._cache).some((path) => path.includes('@grpc/grpc-js'));
      console.log(JSON.stringify({ isOn: tracing.isOn, isLoaded }));
      await tracing.stop();
      process.exit(0);`;
    const run = async (env: Record<string, string>): Promise<unknown> => {
      const args = ['--input-type=module', '--eval', script];
      const { stdout } = await promisify(execFile)(process.execPath, args, { env });
      return JSON.parse(stdout);
    };
    expect(await run({})).toEqual({ isOn: false, isLoaded: false });
    expect(await run({ OTEL_TRACES_EXPORTER: 'otlp' })).toEqual({ isOn: true, isLoaded: true });
  }, 30_000);

  it('a request is told its trace, and a job keeps its client’s', async () => {
    const deployment = await Deployment.open();
    try {
      const [api] = await Promise.all([deployment.api(), deployment.worker()]);
      const client = await deployment.client(api);
      const given = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const body = { plan: NOOP, confirm: true };
      const traced = await client.post<JobBody>('/v1/jobs', body, {
        traceparent: given,
        tracestate: 'vendor=1',
      });
      expect(traced.headers.get('traceparent')).toBe(given);
      expect(traced.headers.get('tracestate')).toBe('vendor=1');
      const plain = await client.post<JobBody>('/v1/jobs', body, { traceparent: 'broken' });
      expect(plain.headers.get('tracestate')).toBeNull();
      expect(plain.headers.get('traceparent')).toMatch(
        new RegExp(`^00-${plain.body.trace_id}-[0-9a-f]{16}-00$`),
      );
      const rows = await deployment.sql<{ trace_parent: string | null }>(
        'SELECT trace_parent FROM job ORDER BY created_at',
      );
      expect(rows).toEqual([{ trace_parent: given }, { trace_parent: null }]);
      const done = await client.get<JobBody>(`/v1/jobs/${plain.body.job_id}`, WAIT);
      expect(done.body.status).toBe('succeeded');
      expect(api.find('SS_TRACING_CONFIGURED')).toBeUndefined();
      expect((await fetch(`${api.url}/health/live`)).headers.get('traceparent')).toBeNull();
    } finally {
      await deployment.close();
    }
  }, 60_000);
});
