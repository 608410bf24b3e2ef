import { metrics, TOLD_TENANTS } from '#observability';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Asking } from './asking.js';
import { countWhenAnswered } from './count-answers.js';

let app: FastifyInstance;
let url: string;

beforeEach(async () => {
  metrics.httpRequests.reset();
  metrics.deprecatedCalls.reset();
  app = Fastify();
  app.addHook('onRequest', async (request, reply) => {
    countWhenAnswered(request, reply);
    // What the guard puts there; nothing else of it is read.
    const tenantId = request.headers['x-tenant'];
    if (typeof tenantId === 'string') request.asking = { caller: { tenantId } } as Asking;
  });
  app.get('/things/:id', () => 'x');
  app.get('/stream', async (_request, reply) => reply.type('text/event-stream').send('data: x'));
  app.get('/raw-stream', async (_request, reply) => {
    reply.hijack();
    reply.raw.setHeader('Content-Type', 'text/event-stream');
    reply.raw.end('data: x');
    return reply;
  });
  app.get('/old/:id', async (_request, reply) => reply.header('Deprecation', '@1').send('x'));
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  await app.close();
});

const ask = async (path: string, headers: Record<string, string> = {}): Promise<void> => {
  await (await fetch(`${url}${path}`, { headers })).arrayBuffer();
};

const series = async (metric: 'httpRequests' | 'deprecatedCalls'): Promise<unknown[]> =>
  (await metrics[metric].get()).values.map(({ labels, value }) => ({ ...labels, value }));

describe('what is counted of a request', () => {
  it('names the pattern of its route, and one value for every address that has none', async () => {
    for (const path of ['/things/1', '/things/2', '/nothing/1', '/nothing/2']) await ask(path);
    await app.close();
    expect(await series('httpRequests')).toEqual([
      { method: 'GET', route: '/things/:id', status_code: '200', value: 2 },
      { method: 'GET', route: 'unmatched', status_code: '404', value: 2 },
    ]);
  });

  it('has no duration of what was held open because the client asked for it', async () => {
    metrics.httpRequestSeconds.reset();
    await ask('/things/1', { prefer: 'wait=5' });
    for (const path of ['/stream', '/raw-stream', '/things/2']) await ask(path);
    await app.close();
    expect(await series('httpRequests')).toHaveLength(3);
    const counts = (await metrics.httpRequestSeconds.get()).values.filter(({ metricName }) =>
      metricName?.endsWith('_count'),
    );
    expect(counts.map(({ labels, value }) => ({ ...labels, value }))).toEqual([
      { method: 'GET', route: '/things/:id', status_code: '200', value: 1 },
    ]);
  });

  it('tells whose calls go to deprecated routes, of so many tenants by name', async () => {
    const tenants = Array.from({ length: TOLD_TENANTS + 5 }, (_, n) => `tenant-${n}`);
    for (const tenant of tenants) await ask('/old/1', { 'x-tenant': tenant });
    await ask('/old/1');
    await ask('/things/1', { 'x-tenant': 'tenant-0' });
    await app.close();
    const told = await series('deprecatedCalls');
    expect(told).toHaveLength(TOLD_TENANTS + 1);
    expect(told[0]).toEqual({ route: '/old/:id', tenant: 'tenant-0', value: 1 });
    expect(told.at(-1)).toEqual({ route: '/old/:id', tenant: 'other', value: 6 });
  });
});
