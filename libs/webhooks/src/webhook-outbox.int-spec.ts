import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EventLog } from '#events';
import { aTenant, eventually, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook as Verifier } from 'standardwebhooks';
import { TargetPolicy } from './target-policy.js';
import { WebhookCalls } from './webhook-calls.js';
import { type OutboxLimits, type TakenDelivery, WebhookOutbox } from './webhook-outbox.js';
import { type MadeWebhook, Webhooks } from './webhooks.js';

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const LIMITS: OutboxLimits = {
  ...{ maxAttempts: 3, backoffBaseMs: 0, backoffMaxMs: 0 },
  ...{ disableAfterSeconds: 3_600, keepDays: 1 },
};
const HERE = new TargetPolicy('127.0.0.1/32');

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let webhooks: Webhooks;
let outbox: WebhookOutbox;
let server: Server;
let received: Received[];
/** What the receiver answers: a status, or nothing at all. */
let answer: number | null;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  webhooks = new Webhooks(db.database('ss_api'), HERE);
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (answer !== null)
        response.writeHead(answer, { location: url('/elsewhere') }).end('x'.repeat(100_000));
    });
  }).listen(0, '127.0.0.1');
});
beforeEach(async () => {
  await db.sql('DELETE FROM webhook');
  tenantId = await aTenant(db);
  outbox = outboxWith({});
  received = [];
  answer = 200;
});
afterAll(async () => {
  server.close().closeAllConnections();
  await programs.stop();
  await db.drop();
});

const url = (path = '/hook'): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
const scope = () => programs.client(tenantId);
const outboxWith = (limits: Partial<OutboxLimits>): WebhookOutbox => {
  const worker = db.database('ss_worker');
  const log = new EventLog(worker, programs.workerScope);
  return new WebhookOutbox(worker, programs.workerScope, log, { ...LIMITS, ...limits });
};
const make = (types = ['job.*'], target = url()): Promise<MadeWebhook> =>
  webhooks.create(scope(), { url: target, types, description: null });
const create = (jobId: string): Promise<unknown> =>
  programs.lifecycle.create(
    scope(),
    { jobId, requirement: 'a secret', plan: NOOP_PLAN, confirm: true, traceId: 'a'.repeat(32) },
    null,
  );
const take = (): Promise<TakenDelivery[]> => outbox.take(10, 10, 60, []);
/** Another one may write at the same time: then it is owed with the next look. */
const owe = (count: number): Promise<unknown> => {
  let owed = 0;
  return eventually(async () => (owed += (await outbox.owe()).owed) >= count);
};
async function callAll(calls = new WebhookCalls(HERE, 5_000)): Promise<number> {
  const taken = await take();
  for (const delivery of taken)
    await outbox.settle(delivery, await calls.make(delivery, new AbortController().signal));
  return taken.length;
}
const states = async ({ webhook }: MadeWebhook): Promise<string[]> =>
  (await webhooks.deliveries(scope(), webhook.webhook_id, { limit: 100 })).map(
    ({ type, status, attempts, response_status, error_code }) =>
      `${type} ${status} ${String(attempts)} ${String(response_status ?? error_code)}`,
  );

describe('a webhook', () => {
  it('is called once for each event that it wants, in order, signed, with nothing of what the job is about', async () => {
    await create('before');
    const made = await make(['job.confirmed', 'job.enqueued']);
    await create('mine');
    await owe(2);
    expect((await outbox.owe()).owed).toBe(0);
    expect(await callAll()).toBe(2);
    expect(await callAll()).toBe(0);
    const payloads = received.map(({ body, headers }) => {
      // The headers are texts.
      const verified = new Verifier(made.secret!).verify(body, headers as Record<string, string>);
      return verified as { type: string; timestamp: string; data: Record<string, unknown> };
    });
    expect(payloads).toMatchObject([
      {
        type: 'job.confirmed',
        data: { tenant_id: tenantId, job_id: 'mine', status: 'confirmed', version: 3 },
      },
      { type: 'job.enqueued', data: { job_id: 'mine', status: 'queued', version: 4 } },
    ]);
    expect(Number(payloads[0]!.data['sequence'])).toBeLessThan(Number(payloads[1]!.data['sequence']));
    expect(received.map(({ body }) => body).join('')).not.toContain('secret');
    expect(received[0]!.headers['webhook-id']).toMatch(/^msg_[0-9a-f-]{36}$/);
    expect(await states(made)).toEqual(['job.enqueued delivered 1 200', 'job.confirmed delivered 1 200']);
  });

  it('is owed each event once, however many workers look at the same time', async () => {
    const made = await make(['job.created']);
    const others = [outboxWith({}), outboxWith({}), outboxWith({})];
    await Promise.all(Array.from({ length: 20 }, (_, n) => create(`job-${n}`)));
    let owed = 0;
    await eventually(async () => {
      const answers = await Promise.all([outbox, ...others].map((one) => one.owe()));
      return (owed += answers.reduce((sum, one) => sum + one.owed, 0)) >= 20;
    });
    expect(owed).toBe(20);
    const taken = (await Promise.all(others.map((one) => one.take(10, 20, 60, [])))).flat();
    expect(new Set(taken.map(({ deliveryId }) => deliveryId)).size).toBe(taken.length);
    expect((await states(made)).length).toBe(20);
  });

  it('is called again after a failure, is given up in the end, and can be replayed', async () => {
    const made = await make(['job.created']);
    answer = 500;
    await create('j');
    await owe(1);
    for (const left of ['pending', 'pending', 'dead']) {
      expect(await callAll()).toBe(1);
      expect((await states(made))[0]).toContain(left);
    }
    expect(await callAll()).toBe(0);
    expect(await states(made)).toEqual(['job.created dead 3 500']);
    answer = 204;
    const [dead] = await webhooks.deliveries(scope(), made.webhook.webhook_id, { status: 'dead', limit: 1 });
    await webhooks.replay(scope(), made.webhook.webhook_id, dead!.delivery_id);
    expect(await callAll()).toBe(1);
    expect(await states(made)).toEqual(['job.created delivered 1 204']);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('is signed by both secrets until the overlap of a rotation is over', async () => {
    const made = await make();
    const verifies = ({ secret }: MadeWebhook): boolean => {
      const { body, headers } = received.at(-1)!;
      try {
        new Verifier(secret!).verify(body, headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    };
    const test = async (): Promise<void> => {
      await webhooks.test(scope(), made.webhook.webhook_id);
      expect(await callAll()).toBe(1);
    };
    const second = await webhooks.rotate(scope(), made.webhook.webhook_id, 60);
    await test();
    expect([verifies(made), verifies(second)]).toEqual([true, true]);
    const third = await webhooks.rotate(scope(), made.webhook.webhook_id, 0);
    await test();
    expect([verifies(made), verifies(second), verifies(third)]).toEqual([false, false, true]);
  });

  it('is disabled after it failed for too long, on the audit, and goes on from there when it is enabled', async () => {
    outbox = outboxWith({ disableAfterSeconds: 0 });
    const made = await make(['job.created']);
    const id = made.webhook.webhook_id;
    answer = 503;
    await create('first');
    await owe(1);
    await callAll();
    expect(await webhooks.get(scope(), id)).toMatchObject({ disabled_because: 'failing' });
    const audited = await db.sql(
      `SELECT action, actor_kind FROM audit_event WHERE tenant_id = $1 AND resource_id = $2 ORDER BY event_id`,
      [tenantId, id],
    );
    expect(audited).toEqual([
      { action: 'webhook.created', actor_kind: 'api_key' },
      { action: 'webhook.disabled', actor_kind: 'worker' },
    ]);
    await create('meanwhile');
    expect(await outbox.owe()).toEqual({ owed: 0, hasMore: false });
    expect(await callAll()).toBe(0);
    answer = 200;
    await webhooks.enable(scope(), id);
    await owe(1);
    expect(await callAll()).toBe(2);
    expect((await webhooks.get(scope(), id)).failing_since).toBeNull();
    expect(received.slice(1).map(({ body }) => (JSON.parse(body) as { data: object }).data)).toMatchObject([
      { job_id: 'first' },
      { job_id: 'meanwhile' },
    ]);
  });

  it('is disabled at once when its target says that it is gone', async () => {
    const made = await make(['job.created']);
    answer = 410;
    await create('j');
    await owe(1);
    await callAll();
    expect(await webhooks.get(scope(), made.webhook.webhook_id)).toMatchObject({ disabled_because: 'gone' });
  });

  it('is called again when who called it died in it, and not when who left gave it back', async () => {
    const made = await make(['job.created']);
    await create('j');
    await owe(1);
    const [given] = await take();
    await outbox.giveBack(given!);
    const [lost] = await outbox.take(10, 10, 0, []);
    expect([given!.attempts, lost!.attempts]).toEqual([1, 1]);
    const [again] = await take();
    expect(again!.attempts).toBe(2);
    // The one that was taken for dead comes back: what it says is not heard.
    await outbox.settle(lost!, { status: 200, error: null });
    expect(await states(made)).toEqual(['job.created pending 2 null']);
  });

  it('forgets deliveries that were kept long enough', async () => {
    const made = await make(['job.created']);
    await create('j');
    await owe(1);
    await callAll();
    expect(await outbox.forget()).toBe(0);
    await db.sql(`UPDATE webhook_delivery SET ended_at = ended_at - interval '2 days'`);
    expect(await outbox.forget()).toBe(1);
    expect(await states(made)).toEqual([]);
  });
});

describe('a call', () => {
  const call = async (calls: WebhookCalls, target: string): Promise<string> => {
    const made = await make(['job.*'], url());
    await db.sql('UPDATE webhook SET url = $1', [target]);
    await webhooks.test(scope(), made.webhook.webhook_id);
    await callAll(calls);
    return (await states(made))[0]!;
  };

  it('follows no redirect, and reads no more of an answer than its status', async () => {
    answer = 302;
    expect(await call(new WebhookCalls(HERE, 5_000), url())).toBe('webhook.test pending 1 302');
    expect(received.map(({ path }) => path)).toEqual(['/hook']);
  });

  it('is not made where the network may not be called, by its address or by its name', async () => {
    const open = new WebhookCalls(new TargetPolicy(null), 5_000);
    const { port } = server.address() as AddressInfo;
    expect(await call(open, `https://127.0.0.1:${port}/`)).toBe('webhook.test pending 1 target_refused');
    expect(await call(open, `https://localhost:${port}/`)).toBe('webhook.test pending 1 target_refused');
    expect(received).toEqual([]);
  });

  it('ends after its time', async () => {
    answer = null;
    expect(await call(new WebhookCalls(HERE, 200), url())).toBe('webhook.test pending 1 timed_out');
  });

  it('says why nobody answered', async () => {
    const calls = new WebhookCalls(HERE, 5_000);
    expect(await call(calls, 'http://127.0.0.1:1/')).toBe('webhook.test pending 1 connection_refused');
    const { port } = server.address() as AddressInfo;
    expect(await call(calls, `https://127.0.0.1:${port}/`)).toBe('webhook.test pending 1 tls_failed');
  });
});

describe('the API', () => {
  it('cannot read a secret', async () => {
    await make();
    const session = await db.session('ss_api', tenantId);
    expect(await session.attempt('SELECT secret FROM webhook')).toMatchObject({ code: '42501' });
    expect(await session.attempt('SELECT old_secret FROM webhook')).toMatchObject({ code: '42501' });
    expect(await session.attempt('SELECT webhook_id FROM webhook')).toBe(1);
    await session.end();
  });

  it('gives another tenant nothing, and no more than so many to one', async () => {
    const made = await make();
    const others = programs.client(await aTenant(db));
    for (const act of [
      () => webhooks.get(others, made.webhook.webhook_id),
      () => webhooks.remove(others, made.webhook.webhook_id),
      () => webhooks.rotate(others, made.webhook.webhook_id, 0),
      () => webhooks.enable(others, made.webhook.webhook_id),
      () => webhooks.test(others, made.webhook.webhook_id),
      () => webhooks.deliveries(others, made.webhook.webhook_id, { limit: 1 }),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'WEBHOOK_NOT_FOUND' });
    for (let count = 1; count < 20; count++) await make();
    await expect(make()).rejects.toMatchObject({ code: 'WEBHOOKS_LIMIT_EXCEEDED' });
  });
});
