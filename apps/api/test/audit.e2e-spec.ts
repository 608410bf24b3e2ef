import { type Client, Deployment, eventually, faultsOf, type Problem } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditPage } from '../src/audit/audit.body.js';
import { noop, planOf } from './plans.js';

let deployment: Deployment;
let client: Client;
let theirs: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  const api = await deployment.api();
  client = await deployment.client(api, 'mine');
  theirs = await deployment.client(api, 'theirs');
  for (const by of [client, theirs])
    for (const job_id of ['a', 'b', 'c'])
      await by.post('/v1/jobs', { job_id, plan: planOf(noop('s')) }, { 'x-ss-reason': `wanted ${job_id}` });
  await client.post('/v1/jobs/b/cancel', { reason: 'a mistake' });
});
afterAll(async () => {
  await deployment.close();
});

const search = async (query: string): Promise<AuditPage> => {
  const answer = await client.get<AuditPage>(`/v1/audit?${query}`);
  expect([query, answer.status]).toEqual([query, 200]);
  return answer.body;
};
const told = ({ items }: AuditPage): string[] => items.map((event) => `${event.resource_id} ${event.action}`);

describe('GET /v1/audit', () => {
  it('finds what happened in the tenant, newest first', async () => {
    const page = await search('resource_type=job&action=job.created');
    expect(told(page)).toEqual(['c job.created', 'b job.created', 'a job.created']);
    expect(page.next_cursor).toBeNull();
    expect(told(await search('action=job.cancelled'))).toEqual(['b job.cancelled']);
    const [event] = (await search('action=job.cancelled')).items;
    expect(event).toMatchObject({
      reason: 'a mistake',
      actor_kind: 'api_key',
      source: 'api',
      to_status: 'cancelled',
    });
    expect(told(await search(`request_id=${event!.request_id!}`))).toEqual(['b job.cancelled']);
    expect(told(await search(`since=${event!.occurred_at}&resource_type=job`))).toEqual(['b job.cancelled']);
  });

  it('comes in pages with nothing twice and nothing left out', async () => {
    const all = told(await search('resource_type=job&limit=1000'));
    const seen: string[] = [];
    for (let cursor = '', more = true; more;) {
      const page = await search(`resource_type=job&limit=2${cursor}`);
      seen.push(...told(page));
      more = page.next_cursor !== null;
      cursor = `&cursor=${page.next_cursor ?? ''}`;
    }
    expect(seen).toEqual(all);
  });

  it.each([
    ['since=yesterday', 'INPUT_VALIDATION_FAILED'],
    ['since=0000-01-01T00:00:00Z', 'INPUT_VALIDATION_FAILED'],
    ['actor_kind=robot', 'INPUT_VALIDATION_FAILED'],
    ['outcome=maybe', 'INPUT_VALIDATION_FAILED'],
    ['limit=0', 'INPUT_VALIDATION_FAILED'],
    ['action=a&action=b', 'INPUT_VALIDATION_FAILED'],
    ['tenant_id=theirs', 'INPUT_VALIDATION_FAILED'],
    ['cursor=x', 'CURSOR_INVALID'],
    [`cursor=${Buffer.from('["2026-13-01T00:00:00.000000Z","1"]').toString('base64url')}`, 'CURSOR_INVALID'],
  ])('refuses %s', async (query, code) => {
    const answer = await client.get<Problem>(`/v1/audit?${query}`);
    expect([answer.status, answer.body.code]).toEqual([400, code]);
  });

  it('asks for the scope audit:read', async () => {
    const key = await deployment.key('mine', ['jobs:read']);
    const answer = await client.withKey(key.key).get<Problem>('/v1/audit');
    expect([answer.status, answer.body.code]).toEqual([403, 'AUTH_SCOPE_MISSING']);
  });
});

interface Exported {
  tenant_id: string;
  resource_id: string;
  action: string;
}

describe('GET /v1/audit/export', () => {
  const exported = async <Event>(query: string): Promise<Event[]> => {
    const answer = await client.get(`/v1/audit/export?${query}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const lines = answer.bytes.toString().trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Event);
  };

  it('has the rows of the tenant, oldest first', async () => {
    const rows = await exported<Exported>('resource_type=job&action=job.created');
    expect(rows.map((row) => `${row.tenant_id} ${row.resource_id}`)).toEqual(['mine a', 'mine b', 'mine c']);
  });

  it.each(['ocsf', 'cloudevents'] as const)('as %s is valid by the schema, row by row', async (format) => {
    const rows = await exported<object>(`format=${format}`);
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect({ row, faults: faultsOf(format, row) }).toMatchObject({ faults: [] });
  });

  it('refuses a format that there is not', async () => {
    const answer = await client.get<Problem>('/v1/audit/export?format=xml');
    expect([answer.status, answer.body.code]).toEqual([400, 'INPUT_VALIDATION_FAILED']);
  });

  it('stops reading when the client has gone away, and says how far it came', async () => {
    const many = 30_000;
    const tenantId = await deployment.tenant('many');
    const key = await deployment.key(tenantId);
    await deployment.sql(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, reason)
       SELECT $1, 'operator', 'o', 'thing.done', 'thing', n::text, 'test', repeat('x', 1000) FROM generate_series(1, $2) AS n`,
      [tenantId, many],
    );
    const goingAway = new AbortController();
    const response = await fetch(`${client.url}/v1/audit/export`, {
      headers: { authorization: `Bearer ${key.key}` },
      signal: goingAway.signal,
    });
    await response.body!.getReader().read();
    goingAway.abort();
    const [told] = await eventually(async () => {
      const rows = await deployment.sql<{ metadata: { rows: number; complete: boolean } }>(
        `SELECT metadata FROM audit_event WHERE tenant_id = $1 AND action = 'audit.exported'`,
        [tenantId],
      );
      return rows.length > 0 ? rows : null;
    });
    expect(told!.metadata.complete).toBe(false);
    // 30 MB were asked for, and what the sockets hold was read.
    expect(told!.metadata.rows).toBeLessThan(many / 2);
  });

  it('takes nothing for HEAD', async () => {
    const answer = await client.send('HEAD', '/v1/audit/export');
    expect(answer.status).toBe(200);
    const rows = await deployment.sql(
      `SELECT FROM audit_event WHERE request_id = $1 AND resource_type = 'audit'`,
      [answer.headers.get('x-ss-request-id')],
    );
    expect(rows).toEqual([]);
  });
});
