import { CHECK_BOUND_MS, type HealthReport } from '#health';
import { Deployment, eventually, FaultProxy, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import formats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { execFile } from 'node:child_process';
import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

type Path = 'live' | 'ready' | 'startup';
type Content = Record<string, { content: { 'application/json': { schema: object } } }>;

const HEALTHCHECK = resolve(import.meta.dirname, '../../../deploy/docker/healthcheck.mjs');
/** On a busy machine an answer takes its time besides. */
const SLACK_MS = 2_500;

let deployment: Deployment;
let networks: Record<'api' | 'worker', FaultProxy>;
const programs = {} as Record<'api' | 'worker', Program>;
/** What `/openapi.json` says of each answer. */
const validators = new Map<string, ValidateFunction>();

beforeAll(async () => {
  deployment = await Deployment.open();
  const urlOf = (name: 'api' | 'worker'): string => deployment.place(name).env['DATABASE_URL']!;
  networks = {
    api: await FaultProxy.before(urlOf('api')),
    worker: await FaultProxy.before(urlOf('worker')),
  };
  [programs.api, programs.worker] = await Promise.all([
    deployment.api({ DATABASE_URL: networks.api.through(urlOf('api')) }),
    deployment.worker({ DATABASE_URL: networks.worker.through(urlOf('worker')) }),
  ]);
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  formats.default(ajv);
  const answer = await fetch(`${programs.api.url}/openapi.json`);
  const { paths } = (await answer.json()) as { paths: Record<string, { get: { responses: Content } }> };
  for (const path of ['live', 'ready', 'startup']) {
    for (const [status, { content }] of Object.entries(paths[`/health/${path}`]!.get.responses)) {
      validators.set(`${path} ${status}`, ajv.compile(content['application/json'].schema));
    }
  }
});
afterAll(async () => {
  for (const network of Object.values(networks)) network.weather({});
  await deployment.close();
  await Promise.all(Object.values(networks).map((network) => network.close()));
});

/** Asks, and checks whatever is answered by what the documents say. */
async function probe(
  name: 'api' | 'worker',
  path: Path,
): Promise<{ status: number; body: HealthReport; ms: number }> {
  const begun = performance.now();
  const answer = await fetch(`${programs[name].url}/health/${path}`);
  const ms = performance.now() - begun;
  const body = (await answer.json()) as HealthReport;
  const validate = validators.get(`${path} ${answer.status}`)!;
  validate(body);
  expect([name, path, answer.status, validate.errors]).toEqual([name, path, answer.status, null]);
  expect(JSON.stringify(body)).not.toMatch(/postgres(ql)?:|127\.0\.0\.1|node_modules|\.ss\//);
  return { status: answer.status, body, ms };
}

const causes = ({ body }: { body: HealthReport }): object =>
  Object.fromEntries(Object.entries(body.error).map(([dependency, { cause }]) => [dependency, cause]));
const untilReady = (name: 'api' | 'worker'): Promise<unknown> =>
  eventually(async () => (await probe(name, 'ready')).status === 200, 30_000);

describe.each(['api', 'worker'] as const)('the probes of the %s', (name) => {
  it('answer that all is well, with the state, latency and time of each dependency', async () => {
    await untilReady(name);
    const { body } = await probe(name, 'ready');
    const dependencies = ['accepting_work', 'artifacts', 'database', 'queue', 'schema'];
    const own = name === 'worker' ? ['claim_loop', 'language_model'] : [];
    expect(Object.keys(body.details).sort()).toEqual([...dependencies, ...own].sort());
    expect(body.details['database']!.latency_ms).toBeGreaterThan(0);
    expect((await probe(name, 'live')).body.details).toEqual({
      process: expect.objectContaining({ status: 'up' }),
    });
    expect((await probe(name, 'startup')).status).toBe(200);
  });

  it('cost the database a look a second, however many ask', async () => {
    let looks = 0;
    const stop = networks[name].onStatement('ss_probe', () => {
      looks += 1;
      return 'pass';
    });
    const begun = performance.now();
    const answers: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        for (let n = 0; n < 20; n += 1) {
          const answer = await fetch(`${programs[name].url}/health/ready`);
          await answer.arrayBuffer();
          answers.push(answer.status);
        }
      }),
    );
    const seconds = (performance.now() - begun) / 1_000;
    stop();
    expect(answers).toEqual(Array.from({ length: 1_000 }, () => 200));
    expect(looks).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  });

  it('answer within their bound while the database is silent, and live tells nothing of it', async () => {
    networks[name].weather({ isSilent: true });
    await eventually(async () => {
      const { status, ms } = await probe(name, 'ready');
      expect(ms).toBeLessThan(CHECK_BOUND_MS + SLACK_MS);
      return status === 503;
    }, 20_000);
    const storm = await Promise.all(Array.from({ length: 100 }, () => probe(name, 'ready')));
    for (const answer of storm) {
      expect(answer.ms).toBeLessThan(CHECK_BOUND_MS + SLACK_MS);
      expect([answer.status, causes(answer)]).toEqual([
        503,
        expect.objectContaining({ database: 'timed_out' }),
      ]);
    }
    expect([(await probe(name, 'live')).status, (await probe(name, 'startup')).status]).toEqual([200, 200]);
    networks[name].weather({});
    await untilReady(name);
  });

  it('say that the artifact store takes no files, in a word and without its place', async () => {
    const away = `${deployment.artifactsDir}-away`;
    await rename(deployment.artifactsDir, away);
    await writeFile(deployment.artifactsDir, '');
    const found = await eventually(async () => {
      const answer = await probe(name, 'ready');
      return answer.status === 503 && causes(answer);
    }, 5_000);
    expect(found).toEqual({ artifacts: 'missing' });
    await rm(deployment.artifactsDir);
    await rename(away, deployment.artifactsDir);
    await untilReady(name);
  });

  it('are asked by the health check of the image, which waits for no process that stands still', async () => {
    const port = new URL(programs[name].url).port;
    const setting = name === 'api' ? 'SS_API_PORT' : 'SS_WORKER_PORT';
    expect(await healthcheck({ SS_API_PORT: '1', SS_WORKER_PORT: '1', [setting]: port })).toBe(0);
    expect(await healthcheck({ SS_API_PORT: '1', SS_WORKER_PORT: '1' })).toBe(1);
    programs[name].signal('SIGSTOP');
    try {
      expect(await healthcheck({ SS_API_PORT: '1', SS_WORKER_PORT: '1', [setting]: port })).toBe(1);
    } finally {
      programs[name].signal('SIGCONT');
    }
    await eventually(async () => (await probe(name, 'live')).status === 200, 10_000);
  });

  it('said in the log once what went down, and once that it was back', () => {
    const about = programs[name].log.filter(({ dependency }) => dependency === 'artifacts');
    expect(about.map(({ event, cause, after }) => [event, cause ?? after])).toEqual([
      ['SS_HEALTH_DEPENDENCY_DOWN', 'missing'],
      ['SS_HEALTH_DEPENDENCY_UP', 'missing'],
    ]);
  });
});

function healthcheck(env: Record<string, string>): Promise<number> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [HEALTHCHECK], { env: { ...process.env, ...env } }, () => {
      done(child.exitCode ?? -1);
    });
  });
}
