import { afterEach, describe, expect, it } from '@jest/globals';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { eventually } from '#testing';
import type { DependencyCheck } from './dependency-check.js';
import { Drain } from './drain.js';
import { HealthModule } from './health.module.js';

const apps: NestFastifyApplication[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function start(checks: DependencyCheck[]): Promise<NestFastifyApplication> {
  const module = await Test.createTestingModule({
    imports: [HealthModule.register({ useFactory: () => checks })],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  app.useLogger(false);
  apps.push(app);
  await app.init();
  return app;
}

interface Report {
  status: string;
  details: Record<string, { status: string; message?: string }>;
}

async function probe(
  app: NestFastifyApplication,
  path: 'live' | 'ready',
): Promise<{ status: number; body: Report }> {
  const answer = await app.inject({ method: 'GET', url: `/health/${path}` });
  return { status: answer.statusCode, body: answer.json<Report>() };
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
      { name: 'broken', check: () => Promise.reject(new Error('it is broken')) },
    ]);
    const { status, body } = await probe(app, 'ready');
    expect(status).toBe(503);
    expect(body.details).toMatchObject({
      fine: { status: 'up' },
      broken: { status: 'down', message: 'it is broken' },
    });
    expect(await probe(app, 'live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('tells the cause of an outage in a word, and no address', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:5432'), { code: 'ECONNREFUSED' });
    const app = await start([{ name: 'database', check: () => Promise.reject(refused) }]);
    const { body } = await probe(app, 'ready');
    expect(body.details['database']).toMatchObject({ status: 'down', message: 'unreachable' });
  });

  it('is ready again when the dependency is', async () => {
    let broken = true;
    const app = await start([
      { name: 'wavering', check: () => (broken ? Promise.reject(new Error('away')) : Promise.resolve()) },
    ]);
    expect((await probe(app, 'ready')).status).toBe(503);
    broken = false;
    await eventually(async () => (await probe(app, 'ready')).status === 200, 2_000);
  });

  it('is not ready once it drains, though nothing is wrong, and stays alive', async () => {
    const app = await start([fine]);
    app.get(Drain).begin();
    const { status, body } = await probe(app, 'ready');
    expect(status).toBe(503);
    expect(body.details).toMatchObject({
      accepting_work: { status: 'down', message: 'shutting down' },
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
    expect(body.details).toMatchObject({ fine: { status: 'up' }, hanging: { status: 'down' } });
  });

  it('asks a dependency once for a storm of probes', async () => {
    let asked = 0;
    const app = await start([{ name: 'counted', check: () => Promise.resolve(void (asked += 1)) }]);
    for (let n = 0; n < 20; n++) await probe(app, 'ready');
    expect(asked).toBeLessThan(5);
  });
});
