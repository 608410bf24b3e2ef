import { WRONG } from '../check/answers.js';
import type { Fault } from '../fault.js';
import { noopPlan } from '../load/job-kinds.js';
import type { Trial } from '../trial.js';

const MIB = 1024 ** 2;
const json = (value: unknown): string => JSON.stringify(value);
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const planWith = (step: object): string =>
  json({
    plan: { plan_version: 2, steps: [{ step_id: 'a', type: 'noop', params: {}, ...step }] },
    confirm: true,
  });

const TOO_LARGE = '10 MB of text';

/** Bodies of POST /v1/jobs, none of which can be a job. */
const BODIES: Readonly<Record<string, () => string>> = {
  'a null character': () => '{"requirement":"a\\u0000b"}',
  'half of a surrogate pair': () => '{"requirement":"\\ud800"}',
  'half of a surrogate pair as a job id': () => '{"job_id":"\\udc00","requirement":"x"}',
  'a number past all numbers': () => '{"requirement":"x","priority":1e400}',
  'a priority past bigint': () => '{"requirement":"x","priority":99999999999999999999}',
  [TOO_LARGE]: () => json({ requirement: 'x'.repeat(10 * MIB) }),
  'depth 10,000': () => `{"plan":${nested(10_000)}}`,
  'depth 10,000 in a step': () =>
    `{"plan":{"plan_version":2,"steps":[{"step_id":"a","type":"noop","params":${nested(10_000)}}]}}`,
  __proto__: () => '{"requirement":"x","__proto__":{"isAdmin":true}}',
  'constructor.prototype': () => '{"requirement":"x","constructor":{"prototype":{"isAdmin":true}}}',
  '300,000 steps': () => `{"plan":{"plan_version":2,"steps":[${'0,'.repeat(299_999)}0]}}`,
  'no JSON': () => '{"requirement":',
  'an array': () => '[]',
  'a number': () => '42',
  nothing: () => '',
  'a path as job id': () => json({ job_id: '../../etc/passwd', requirement: 'x' }),
  'a job id of 10,000 characters': () => json({ job_id: 'x'.repeat(10_000), requirement: 'x' }),
  'a step on itself': () => planWith({ depends_on: ['a'] }),
  'a step on nobody': () => planWith({ depends_on: ['b'] }),
  'an unknown step type': () => planWith({ type: 'shell' }),
  'an unknown profile': () => planWith({ type: 'command', params: { profile: 'nobody', args: [] } }),
  'a date that is none': () => json({ requirement: 'x', run_after: '2026-02-31T00:00:00Z' }),
  'a year past timestamptz': () => json({ requirement: 'x', run_after: '+300000-01-01T00:00:00Z' }),
  'labels that are no texts': () => json({ requirement: 'x', labels: { a: { b: 1 } } }),
  'an unknown field': () => json({ requirement: 'x', tenant_id: 'south' }),
};

/** Paths that lead nowhere, whatever stands in them. */
const PATHS = [
  '/v1/jobs/%00',
  '/v1/jobs/%ff',
  '/v1/jobs/..%2f..%2fetc%2fpasswd',
  `/v1/jobs/${'x'.repeat(2_000)}`,
  '/v1/jobs/nobody/runs/no-uuid',
  '/v1/jobs?limit=1e9',
  '/v1/jobs?limit=-1',
  '/v1/jobs?cursor=AAAA',
  '/v1/jobs?status=unknown',
  `/v1/jobs?label=${encodeURIComponent("a=' OR 1=1 --")}%00`,
];

export const badData: Fault = {
  number: 20,
  name: 'bad data',
  does: `${Object.keys(BODIES).length} bodies that are no job (null characters, half surrogates, 1e400, 10 MB, depth 10,000, __proto__, 300,000 steps …) and ${PATHS.length} paths`,
  holds: 'each is refused with 4xx and a code; never 5xx; the API goes on',
  recovery: 'from the last of them until a job sent then is done',
  recoveryLimitMs: 10_000,
  load: null,
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    for (const [what, body] of Object.entries(BODIES)) {
      const answer = await trial.client().send({
        method: 'POST',
        path: '/v1/jobs',
        operation: `${WRONG}${what}`,
        body: body(),
        headers: JSON_BODY,
      });
      expectRefusal(trial, what, answer);
    }
    for (const path of PATHS) {
      const answer = await trial
        .client()
        .send({ method: 'GET', path, operation: `${WRONG}${path.slice(0, 40)}` });
      expectRefusal(trial, path.slice(0, 60), answer);
    }
    await trial.recovers();
  },
};

const JSON_BODY = { 'content-type': 'application/json' };

function expectRefusal(
  trial: Trial,
  what: string,
  { status, code }: { status: number | null; code: string | null },
): void {
  const isRefused = status !== null && status >= 400 && status < 500 && code !== null;
  // The API answers 413 and closes while the caller still sends; whether the caller sees more than that depends on it.
  const isCutOff = status === null && what === TOO_LARGE;
  trial.expect(isRefused || isCutOff, `${what} was answered ${String(status)} ${String(code)}`);
  trial.count(`answered ${String(status)}`);
}

interface OpenApi {
  paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What each operation needs to get past its own checks, so that only the tenant can be the reason for a refusal. */
const RIGHT_BODIES: Readonly<Record<string, unknown>> = {
  'patch draft': { notes: 'mine?' },
  'post presign': { name: 'a.csv', role: 'other', bytes: 1, sha256: 'a'.repeat(64) },
};
/** For uploads that come piece by piece. */
const TUS_HEADERS = {
  'tus-resumable': '1.0.0',
  'upload-length': '1',
  'upload-offset': '0',
  'upload-metadata': `filename ${btoa('a.csv')},role ${btoa('other')}`,
};
const METHODS = ['get', 'post', 'patch', 'delete'] as const;

export const foreignRows: Fault = {
  number: 29,
  name: 'a caller asks for another tenant’s rows',
  does:
    'every operation of the OpenAPI document that names a job, with the ids of another tenant’s job, run and artifact; forged ' +
    'tenant headers and keys; every table with a tenant_id as each program’s role, with no tenant, an empty and a wrong one',
  holds: 'P6: 404 each time, 403 and 401 for forgeries, 0 rows; the other tenant’s job is as it was',
  recovery: 'none: nothing is broken',
  recoveryLimitMs: 0,
  load: null,
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    const [mine, theirs] = trial.clients;
    if (!mine || !theirs) throw new Error('two tenants are needed');
    const kind = { name: 'theirs', ends: ['succeeded'], isHeavy: false, plan: () => noopPlan() } as const;
    const job = await trial.load.submit(kind);
    const [owner, stranger] = job.tenantId === mine.tenant.tenantId ? [mine, theirs] : [theirs, mine];
    const path = `/v1/jobs/${String(job.jobId)}`;
    await owner.send({ method: 'GET', path, operation: 'read', headers: { prefer: 'wait=20' } });
    const runs = await owner.send({ method: 'GET', path: `${path}/runs`, operation: 'read runs' });
    const runId = /"run_id":"([^"]+)"/.exec(JSON.stringify(runs.body))?.[1] ?? 'none';
    const before = await owner.send({ method: 'GET', path, operation: 'read' });

    const document = (await (await fetch(`${owner.url}/openapi.json`)).json()) as OpenApi;
    for (const [template, operations] of Object.entries(document.paths)) {
      if (!template.includes('{job_id}')) continue;
      const filled = fill(template, String(job.jobId), runId);
      for (const method of METHODS.filter((each) => each in operations)) {
        const { status, code } = await stranger.send({
          method: METHOD_NAMES[method],
          path: filled,
          operation: `${WRONG}${method} ${template}`,
          ...request(method, template),
        });
        trial.expect(
          status === 404,
          `${method} ${template} of another tenant was answered ${String(status)} ${String(code)}`,
        );
        trial.count('operations');
      }
    }
    await forge(trial, stranger.tenant.key, owner.tenant.tenantId, owner.url, path);
    await askAsPrograms(trial);
    const after = await owner.send({ method: 'GET', path, operation: 'read' });
    trial.expect(
      JSON.stringify(before.body) === JSON.stringify(after.body),
      'another tenant changed the job',
    );
  },
};

const METHOD_NAMES = { get: 'GET', post: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

function fill(template: string, jobId: string, runId: string): string {
  return template
    .replace('{job_id}', jobId)
    .replace('{run_id}', runId)
    .replace('{revision}', '1')
    .replace('{upload_id}', runId)
    .replaceAll('{*path}', 'plan.json')
    .replaceAll(/\{[^}]+\}/g, 'plan.json');
}

function request(method: string, template: string): object {
  const headers = {
    'if-match': '"1"',
    'x-ss-reason': 'mine?',
    ...(template.includes('/uploads') ? TUS_HEADERS : {}),
  };
  if (method === 'get' || method === 'delete' || template.includes('/uploads')) return { headers };
  const noun = template.slice(template.lastIndexOf('/') + 1);
  if (noun !== 'inputs') return { body: RIGHT_BODIES[`${method} ${noun}`] ?? {}, headers };
  const boundary = 'chaos';
  const part = (head: string, text: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
  const body = `${part('name="role"', 'primary_dataset')}${part('name="file"; filename="a.csv"', 'a\n1\n')}--${boundary}--\r\n`;
  return { body, headers: { ...headers, 'content-type': `multipart/form-data; boundary=${boundary}` } };
}

async function forge(trial: Trial, key: string, tenantId: string, url: string, path: string): Promise<void> {
  const ask = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${url}${path}`, { headers })).status;
  const forged = {
    'another tenant in the header': [
      await ask({ authorization: `Bearer ${key}`, 'x-ss-tenant-id': tenantId }),
      403,
    ],
    'a key with its last letter changed': [await ask({ authorization: `Bearer ${key.slice(0, -1)}~` }), 401],
    'no key': [await ask({}), 401],
    'a tenant and no key': [await ask({ 'x-ss-tenant-id': tenantId }), 401],
  } as const;
  for (const [what, [status, right]] of Object.entries(forged)) {
    trial.expect(status === right, `${what} was answered ${status}, not ${right}`);
    trial.count('forgeries');
  }
}

const TENANT_TABLES = `
  SELECT quote_ident(relname) AS name
  FROM pg_class
  JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id'
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`;

/** What a program’s code would see if it forgot to say for whom it asks. */
async function askAsPrograms(trial: Trial): Promise<void> {
  const { server } = trial.deployment;
  const tables = await server.sql<{ name: string }>(TENANT_TABLES);
  const session = await server.session();
  try {
    for (const role of ['ss_api', 'ss_worker', 'ss_operator']) {
      for (const tenant of [null, '', 'nobody']) {
        for (const { name } of tables) {
          await session.query('BEGIN');
          await session.query(`SET LOCAL ROLE ${role}`);
          if (tenant !== null) await session.query(`SELECT set_config('ss.tenant_id', $1, true)`, [tenant]);
          const seen = await session.query(`SELECT FROM ${name} LIMIT 1`).then(
            ({ rowCount }) => rowCount ?? 0,
            // No grant at all is as good as no rows.
            () => 0,
          );
          await session.query('ROLLBACK');
          trial.expect(seen === 0, `${role} sees rows of ${name} with the tenant ${JSON.stringify(tenant)}`);
          trial.count('tables asked');
        }
      }
    }
  } finally {
    await session.end();
  }
}
