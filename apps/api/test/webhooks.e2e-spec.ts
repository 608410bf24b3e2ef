import { type Client, Deployment, eventually, type Problem } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook as Verifier } from 'standardwebhooks';
import type { JobBody } from '../src/jobs/job.body.js';
import type {
  DeliveryBody,
  DeliveryPageBody,
  NewWebhookBody,
  WebhookList,
} from '../src/webhooks/webhook.body.js';
import { expectCleanLog } from './clean-log.js';
import { noop, planOf } from './plans.js';

let deployment: Deployment;
let client: Client;
let server: Server;
let answer = 200;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];
const secrets: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(answer).end();
    });
  }).listen(0, '127.0.0.1');
  deployment = await Deployment.open({
    SS_WEBHOOKS_PRIVATE_NETWORKS: '127.0.0.1/32',
    SS_WEBHOOKS_BACKOFF_BASE_SECONDS: '1',
    SS_WEBHOOKS_MAX_ATTEMPTS: '2',
  });
  const [api] = await Promise.all([deployment.api(), deployment.worker(), deployment.worker()]);
  client = await deployment.client(api, 'mine');
});
afterAll(async () => {
  server.close().closeAllConnections();
  await deployment.close();
});

const make = async (body: object = {}): Promise<NewWebhookBody> => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/told`;
  const made = await client.post<NewWebhookBody>('/v1/webhooks', { url, ...body });
  expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store']);
  secrets.push(made.body.secret!);
  return made.body;
};
const at = ({ webhook_id: id }: NewWebhookBody): string => `/v1/webhooks/${id}`;

describe('webhooks', () => {
  it('are told what happens to a job, each event once, by whichever worker', async () => {
    const webhook = await make();
    const jobs = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const body = { plan: planOf(noop('a')), confirm: true, requirement: 'a secret question' };
        return (await client.post<JobBody>('/v1/jobs', body)).body.job_id;
      }),
    );
    // Created, drafted, confirmed, enqueued, started, succeeded.
    await eventually(() => received.length >= 5 * 6, 40_000);
    const told = received.map(({ headers, body }) => {
      expect(body).not.toContain('secret question');
      return new Verifier(webhook.secret!).verify(body, headers as Record<string, string>) as {
        type: string;
        data: { job_id: string; sequence: number };
      };
    });
    for (const jobId of jobs) {
      const ofJob = told.filter(({ data }) => data.job_id === jobId);
      const inOrder = [...ofJob].sort((one, other) => one.data.sequence - other.data.sequence);
      expect(inOrder.map(({ type }) => type)).toEqual(
        ['created', 'drafted', 'confirmed', 'enqueued', 'started', 'succeeded'].map((verb) => `job.${verb}`),
      );
    }
    const page = await client.get<DeliveryPageBody>(`${at(webhook)}/deliveries?status=delivered&limit=20`);
    expect([page.body.items.length, page.body.next_cursor]).toEqual([20, expect.any(String)]);
    const rest = await client.get<DeliveryPageBody>(
      `${at(webhook)}/deliveries?status=delivered&limit=20&cursor=${page.body.next_cursor!}`,
    );
    expect([rest.body.items.length, rest.body.next_cursor]).toEqual([10, null]);
    expect((await client.delete(at(webhook))).status).toBe(204);
    expect((await client.get<Problem>(at(webhook))).body.code).toBe('WEBHOOK_NOT_FOUND');
  });

  it('are given up after so many calls, and called again when they are replayed', async () => {
    const webhook = await make({ types: ['step.*'] });
    answer = 500;
    const { body: delivery } = await client.post<DeliveryBody>(`${at(webhook)}/test`);
    const dead = await eventually(async () => {
      const { items } = (await client.get<DeliveryPageBody>(`${at(webhook)}/deliveries?status=dead`)).body;
      return items[0];
    }, 30_000);
    expect(dead).toMatchObject({ delivery_id: delivery.delivery_id, attempts: 2, response_status: 500 });
    answer = 200;
    const replayed = await client.post(`${at(webhook)}/deliveries/${delivery.delivery_id}/replay`);
    expect(replayed.status).toBe(202);
    await eventually(async () => {
      const { items } = (await client.get<DeliveryPageBody>(`${at(webhook)}/deliveries?status=delivered`))
        .body;
      return items.length === 1;
    }, 20_000);
  });

  it('show their secret when it is made, and never again', async () => {
    const webhook = await make();
    const rotated = await client.post<NewWebhookBody>(`${at(webhook)}/rotate`, { overlap_seconds: 60 });
    secrets.push(rotated.body.secret!);
    expect(rotated.body.secret).not.toBe(webhook.secret);
    expect(rotated.body.old_secret_until).not.toBeNull();
    const { body, bytes } = await client.get<WebhookList>('/v1/webhooks');
    expect(body.items.length).toBeGreaterThan(0);
    expect(bytes.toString()).not.toMatch(/whsec_|secret"/);
  });

  it('take null for what is not said', async () => {
    const made = await make({ types: null, description: null });
    expect([made.types, made.description]).toEqual([['job.*'], null]);
    const rotated = await client.post<NewWebhookBody>(`${at(made)}/rotate`, { overlap_seconds: null });
    secrets.push(rotated.body.secret!);
    expect(Date.parse(rotated.body.old_secret_until!)).toBeGreaterThan(Date.now() + 3_600_000);
    await client.delete(at(made));
  });

  it('are for keys that may administer the tenant, and for targets that may be called', async () => {
    const reader = client.withKey((await deployment.key('mine', ['jobs:read'])).key);
    expect((await reader.get<Problem>('/v1/webhooks')).body.code).toBe('AUTH_SCOPE_MISSING');
    for (const [body, code] of [
      [{ url: 'https://10.0.0.1/' }, 'WEBHOOK_URL_REFUSED'],
      [{ url: 'nonsense' }, 'WEBHOOK_URL_REFUSED'],
      [{ url: 'https://example.com', types: ['*'] }, 'INPUT_VALIDATION_FAILED'],
      [{ url: 'https://example.com', secret: 'mine' }, 'INPUT_VALIDATION_FAILED'],
    ] as const) {
      const refused = await client.post<Problem>('/v1/webhooks', body);
      expect([refused.status, refused.body.code]).toEqual([400, code]);
    }
  });

  it('leave nothing of it in the log', () => {
    expectCleanLog(deployment, [...secrets, 'a secret question', '/told']);
  });
});
