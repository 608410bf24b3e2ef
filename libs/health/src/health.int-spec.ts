import { afterEach, describe, expect, it } from '@jest/globals';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { eventually, HeardLog } from '#testing';
import formats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { DependencyCheck } from './dependency-check.js';
import { Drain } from './drain.js';
import { Unhealthy } from './health-cause.js';
import { HEALTH_REPORT_SCHEMAS, type HealthReport } from './health-report.js';
import { HealthModule } from './health.module.js';
import { Startup } from './startup.js';

const apps: NestFastifyApplication[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

const ajv = new Ajv2020({ strict: true, allErrors: true });
formats.default(ajv);
/** What each answer has to be, by its status. */
const validators = {
  200: ajv.compile<HealthReport>(HEALTH_REPORT_SCHEMAS[200]),
  503: ajv.compile<HealthReport>(HEALTH_REPORT_SCHEMAS[503]),
};
let log = new HeardLog();

async function start(checks: DependencyCheck[]): Promise<NestFastifyApplication> {
  log = new HeardLog();
  const module = await Test.createTestingModule({
    imports: [HealthModule.register(checks, log.logger)],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  app.useLogger(false);
  apps.push(app);
  await app.init();
  return app;
}

/** Asks, and checks whatever is answered by its schema. */
async function probe(
  app: NestFastifyApplication,
  path: 'live' | 'ready' | 'startup',
): Promise<{ status: number; body: HealthReport }> {
  const answer = await app.inject({ method: 'GET', url: `/health/${path}` });
  expect(answer.headers['cache-control']).toBe('no-store');
  const body = answer.json<HealthReport>();
  const validate = validators[answer.statusCode as 200 | 503];
  validate(body);
  expect(validate.errors).toBeNull();
  return { status: answer.statusCode, body };
}

const fine: DependencyCheck = { name: 'fine', check: () => Promise.resolve() };

describe('health', () => {
  it('is ready when every dependency is fine, and names each', async () => {
    const { status, body } = await probe(await start([fine, { ...fine, name: 'also' }]), 'ready');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'ok',
      details: { accepting_work: { status: 'up' }, fine: { status: 'up' }, also: { status: 'up' } },
    });
  });

  it('is not ready when a dependency fails, says which, and stays alive', async () => {
    const app = await start([
      fine,
      { name: 'broken', check: () => Promise.reject(new Unhealthy('missing', 'it is broken')) },
    ]);
    const { status, body } = await probe(app, 'ready');
    expect(status).toBe(503);
    expect(body.details).toMatchObject({
      fine: { status: 'up' },
      broken: { status: 'down', cause: 'missing', message: 'it is broken' },
    });
    expect(await probe(app, 'live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('tells the cause of an outage in a word, and no address', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:5432'), { code: 'ECONNREFUSED' });
    const app = await start([{ name: 'database', check: () => Promise.reject(refused) }]);
    const { body } = await probe(app, 'ready');
    expect(body.details['database']).toMatchObject({
      ...{ status: 'down', cause: 'unreachable', message: 'unreachable' },
      ...{ latency_ms: expect.any(Number), checked_at: expect.any(String) },
    });
  });

  it('tells of an error that nobody wrote for it no word of its own, and the log all but its secrets', async () => {
    const app = await start([
      {
        name: 'broken',
        check: () => Promise.reject(new Error('CANARY at postgresql://me:hunter2@10.1.2.3/ss')),
      },
    ]);
    for (let n = 0; n < 5; n += 1) {
      const { status, body } = await probe(app, 'ready');
      expect([status, body.details['broken']]).toEqual([503, expect.objectContaining({ cause: 'failed' })]);
      expect(JSON.stringify(body)).not.toContain('CANARY');
    }
    expect(log.lines('SS_HEALTH_DEPENDENCY_DOWN')).toEqual([
      expect.objectContaining({
        dependency: 'broken',
        cause: 'failed',
        err: expect.objectContaining({ message: 'CANARY at postgresql://me:[redacted]@10.1.2.3/ss' }),
      }),
    ]);
    expect(JSON.stringify(log.lines('SS_HEALTH_DEPENDENCY_DOWN'))).not.toContain('hunter2');
  });

  it('is ready again when the dependency is', async () => {
    let broken = true;
    const app = await start([
      { name: 'wavering', check: () => (broken ? Promise.reject(new Error('away')) : Promise.resolve()) },
    ]);
    expect((await probe(app, 'ready')).status).toBe(503);
    broken = false;
    await eventually(async () => (await probe(app, 'ready')).status === 200, 4_000);
    expect(log.events).toEqual(['SS_HEALTH_DEPENDENCY_DOWN', 'SS_HEALTH_DEPENDENCY_UP']);
  });

  it('is not ready once it drains, though nothing is wrong, and stays alive', async () => {
    const app = await start([fine]);
    app.get(Drain).begin();
    const { status, body } = await probe(app, 'ready');
    expect(status).toBe(503);
    expect(body.details).toMatchObject({
      accepting_work: { status: 'down', cause: 'shutting_down', message: 'shutting down' },
      fine: { status: 'up' },
    });
    expect((await probe(app, 'live')).status).toBe(200);
  });

  it('waits only so long for a dependency that does not answer', async () => {
    const app = await start([fine, { name: 'hanging', check: () => new Promise<never>(() => undefined) }]);
    const begun = performance.now();
    const { status, body } = await probe(app, 'ready');
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(status).toBe(503);
    expect(body.details).toMatchObject({
      fine: { status: 'up' },
      hanging: { status: 'down', cause: 'timed_out' },
    });
  });

  it('asks a dependency once for a storm of probes', async () => {
    let asked = 0;
    const app = await start([{ name: 'counted', check: () => Promise.resolve(void (asked += 1)) }]);
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => probe(app, 'ready')));
    const seconds = (performance.now() - begun) / 1_000;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // A second's answer serves for a second, and one more look may begin as it ends.
    expect(asked).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  });

  it('has not started until it says so, and never again after, whatever fails', async () => {
    const app = await start([{ name: 'away', check: () => Promise.reject(new Error('away')) }]);
    const before = await probe(app, 'startup');
    expect([before.status, before.body.error]).toMatchObject([503, { startup: { cause: 'not_started' } }]);
    app.get(Startup).setComplete();
    app.get(Drain).begin();
    expect((await probe(app, 'startup')).status).toBe(200);
  });
});
