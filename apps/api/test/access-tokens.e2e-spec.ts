import { type Client, Deployment, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';

let deployment: Deployment;
let api: Program;
let client: Client;
let issuer: Server;
let issuerUrl: string;
let privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  privateKey = pair.privateKey;
  const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] };
  issuer = createServer((_request, response) => response.end(JSON.stringify(keys)));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  deployment = await Deployment.open({
    SS_OIDC_ISSUER: issuerUrl,
    SS_OIDC_AUDIENCE: 'ss',
    SS_OIDC_JWKS_URL: `${issuerUrl}/keys`,
    SS_OIDC_SCOPE_PREFIX: 'ss/',
  });
  api = await deployment.api();
  client = await deployment.client(api, 'mine');
});
afterAll(async () => {
  await deployment.close();
  issuer.closeAllConnections();
  await new Promise((resolve) => issuer.close(resolve));
});

const by = async (claims: Record<string, unknown>): Promise<Client> => {
  const now = Math.floor(Date.now() / 1_000);
  const all = {
    iss: issuerUrl,
    aud: 'ss',
    sub: 'ada@example',
    iat: now,
    exp: now + 60,
    tenant_id: 'mine',
    ...claims,
  };
  return client.withKey(
    await new SignJWT(all).setProtectedHeader({ alg: 'RS256', kid: 'k1', typ: 'at+jwt' }).sign(privateKey),
  );
};

it('lets the subject of a token do what its scopes say, and names them on the audit', async () => {
  const ada = await by({ scope: 'ss/jobs:read ss/jobs:write jobs:confirm' });
  const { status, body: job } = await ada.post<JobBody>('/v1/jobs', { requirement: 'x' });
  expect([status, job.tenant_id]).toEqual([201, 'mine']);
  const rows = await deployment.sql(
    'SELECT action, actor_kind, actor_id FROM audit_event WHERE resource_id = $1',
    [job.job_id],
  );
  expect(rows).toEqual([{ action: 'job.created', actor_kind: 'oidc_subject', actor_id: 'ada@example' }]);
  const refused = await ada.post<Problem>(`/v1/jobs/${job.job_id}/confirm`);
  expect([refused.status, refused.body.code]).toEqual([403, 'AUTH_SCOPE_MISSING']);
  expect((await client.get(`/v1/jobs/${job.job_id}`)).status).toBe(200);
});

it('refuses a token that is not good, and says on the audit of the platform why', async () => {
  for (const [claims, code, why] of [
    [{ exp: 1 }, 'AUTH_BEARER_TOKEN_INVALID', 'exp'],
    [{ aud: 'another' }, 'AUTH_BEARER_TOKEN_INVALID', 'aud'],
    [{ tenant_id: 'nobody' }, 'AUTH_TENANT_UNKNOWN', null],
  ] as const) {
    const answer = await (await by({ scope: 'ss/jobs:read', ...claims })).get<Problem>(`/v1/jobs?limit=1`);
    expect(answer.body.code).toBe(code);
    if (why === null) continue;
    await eventually(async () => {
      const rows = await deployment.sql(
        `SELECT FROM audit_event WHERE tenant_id = '@platform' AND action = 'access.denied'
           AND metadata ->> 'code' = $1`,
        [code],
      );
      return rows.length > 0;
    });
  }
});

it('answers 503, not 401, when the issuer is away and its keys are not known', async () => {
  const other = await deployment.api({ SS_OIDC_JWKS_URL: 'http://127.0.0.1:1/keys' });
  const token = (await by({ scope: 'ss/jobs:read' })).key;
  const response = await fetch(`${other.url}/v1/jobs`, { headers: { authorization: `Bearer ${token}` } });
  expect([response.status, response.headers.has('retry-after')]).toEqual([503, true]);
  expect(((await response.json()) as Problem).code).toBe('AUTH_ISSUER_UNAVAILABLE');
});

it('writes no token into its log', async () => {
  const { key } = await by({ scope: 'ss/jobs:read' });
  expectCleanLog(deployment, [key!.split('.')[0]!]);
});
