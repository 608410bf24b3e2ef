import { type Client, Deployment } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Document,
  type Operation,
  operationsOf,
  resolve,
  type Schema,
} from '../src/openapi/document.js';

/** Names that say a point in time. Numbers of events come `after` one another as well. */
const INSTANT = /(^|_)(at|since|until|before)$/;
const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

let deployment: Deployment;
let client: Client;
let document: Document;

beforeAll(async () => {
  deployment = await Deployment.open();
  client = await deployment.client(await deployment.api());
  document = (await client.withKey(null).get<Document>('/openapi.json')).body;
});
afterAll(async () => {
  await deployment.close();
});

describe('/openapi.json', () => {
  const operations = (): [name: string, path: string, operation: Operation][] =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
        `${method} ${path}`,
        path,
        operation,
      ]),
    );

  it('is OpenAPI 3.1 and says of every operation what it does, what it answers and what it asks for', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(JSON.stringify(document)).not.toContain('"nullable"');
    for (const [name, path, operation] of operations()) {
      const isOpen = path.startsWith('/health/') || path === '/versions';
      expect([name, operation.summary]).toEqual([name, expect.stringMatching(/^[A-Z].{8,}/)]);
      expect([name, operation.security]).toEqual([name, isOpen ? [] : [{ bearer: [] }]]);
      expect([name, Object.keys(operation.responses)]).toEqual([
        name,
        expect.arrayContaining([expect.stringMatching(/^2\d\d$/)]),
      ]);
      expect([name, Object.keys(operation.responses)]).toEqual([
        name,
        expect.arrayContaining([isOpen ? '503' : 'default']),
      ]);
      const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, parameter]) => parameter);
      const declared = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name);
      expect([name, declared.sort()]).toEqual([name, named.sort()]);
    }
    const ids = operations().map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('names the headers that all answers under a key have', () => {
    for (const [name, path, { responses }] of operations()) {
      if (!path.startsWith('/v1/')) continue;
      for (const [status, { headers }] of Object.entries(responses)) {
        const named = ['X-SS-Request-Id', 'RateLimit', 'RateLimit-Policy'];
        expect([name, status, Object.keys(headers ?? {})]).toEqual([
          name,
          status,
          expect.arrayContaining(named),
        ]);
      }
    }
  });

  it('points to nothing that it does not define', () => {
    const pointers = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name!,
    );
    expect(pointers.length).toBeGreaterThan(20);
    for (const name of pointers) expect(Object.keys(document.components.schemas)).toContain(name);
  });

  it('has every method that the router takes on each of its addresses, and no other', async () => {
    for (const path of Object.keys(document.paths)) {
      const address = path.replaceAll(/\{[^}]+\}/g, 'x');
      // An address may be of two forms: `inputs/preview` is `inputs/{dataset_key}` as well.
      const told = Object.entries(document.paths)
        .filter(([form]) => new RegExp(`^${form.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(address))
        .flatMap(([, methods]) => Object.keys(methods).map((method) => method.toUpperCase()));
      // A method that no address takes: the refusal names those that this one does.
      const refused = await client.send('QUERY', address);
      const taken = refused.headers
        .get('allow')
        ?.split(', ')
        .filter((method) => !['HEAD', 'OPTIONS'].includes(method));
      expect([path, taken]).toEqual([path, told.sort()]);
    }
  });

  it('has every address of the issue', () => {
    const jobs = '/v1/jobs/{job_id}';
    expect(Object.keys(document.paths).sort()).toEqual(
      [
        ...[
          '/health/live',
          '/health/ready',
          '/health/startup',
          '/v1/jobs',
          ...['batch', 'cancel', 'retry'].map((at) => `/v1/jobs/${at}`),
          '/v1/tasks/{task_id}',
          '/v1/tasks/{task_id}/cancel',
          jobs,
          '/v1/quota',
          '/v1/tenants/{tenant_id}/quota',
          '/v1/audit',
          '/v1/audit/export',
          '/v1/usage',
          `${jobs}/artifacts`,
          `${jobs}/artifacts/{path}`,
          `${jobs}/artifacts.zip`,
          `${jobs}/draft/revisions`,
          `${jobs}/draft/revisions/{revision}`,
        ],
        ...[
          'audit',
          'cancel',
          'confirm',
          'data',
          'draft',
          'inputs',
          'inputs/preview',
          'inputs/{dataset_key}',
          'inputs/presign',
          'inputs/presign/{upload_id}/complete',
          'inputs/uploads',
          'inputs/uploads/{upload_id}',
        ].map((at) => `${jobs}/${at}`),
        ...['events', 'explain', 'plan', 'retry', 'run', 'runs', 'runs/{run_id}'].map(
          (at) => `${jobs}/${at}`,
        ),
        ...['/v1/keys', '/v1/keys/{key_id}/rotate', '/v1/keys/{key_id}/revoke'],
        ...[
          '',
          '/{webhook_id}',
          ...['deliveries', 'deliveries/{delivery_id}/replay', 'enable', 'rotate', 'test'].map(
            (at) => `/{webhook_id}/${at}`,
          ),
        ].map((at) => `/v1/webhooks${at}`),
        ...[
          '/v1/events',
          '/v1/queues',
          '/v1/queues/{name}/pause',
          '/v1/queues/{name}/resume',
          '/v1/status',
          '/versions',
        ],
      ].sort(),
    );
  });
});

/** Every named field of the schema and of what it is made of; what it points to stands among the schemas itself. */
function* fieldsOf(schema: Schema): Generator<[name: string, field: Schema]> {
  const { properties = {}, items, additionalProperties: others } = schema;
  for (const [name, field] of Object.entries(properties)) yield [name, field];
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const more = [items, typeof others === 'object' ? others : undefined].filter((one) => one !== undefined);
  for (const part of [...Object.values(properties), ...parts, ...more]) yield* fieldsOf(part);
}

const hasType = ({ type = [] }: Schema, wanted: string): boolean => [type].flat().includes(wanted);

describe('the shape of every answer', () => {
  /** The schemas that have a name, and those that stand in an operation. */
  const schemas = (): [where: string, schema: Schema][] => [
    ...Object.entries(document.components.schemas),
    ...[...operationsOf(document.paths)].flatMap(([path, method, { requestBody, responses }]) =>
      [requestBody, ...Object.values(responses)]
        .flatMap((body) => Object.values(body?.content ?? {}))
        .flatMap(({ schema }): [string, Schema][] => (schema ? [[`${method} ${path}`, schema]] : [])),
    ),
  ];
  const fields = (): [where: string, name: string, field: Schema][] =>
    schemas().flatMap(([where, schema]) =>
      [...fieldsOf(schema)].map(([name, field]): [string, string, Schema] => [where, name, field]),
    );

  // Scenario: Answers keep one shape
  it('has names in snake_case, instants with their format, and lists of items with a next_cursor', () => {
    const named = fields();
    expect(named.length).toBeGreaterThan(300);
    expect(named.filter(([, name]) => !SNAKE_CASE.test(name))).toEqual([]);

    const instants = named.filter(([, name, field]) => INSTANT.test(name) && hasType(field, 'string'));
    expect(instants.length).toBeGreaterThan(40);
    // A version of the API has days, no instants.
    const plain = instants.filter(
      ([where, , { format }]) => format !== (where === 'VersionBody' ? 'date' : 'date-time'),
    );
    expect(plain).toEqual([]);

    const answers = [...operationsOf(document.paths)].flatMap(([path, method, { responses }]) =>
      Object.entries(responses)
        .filter(([status]) => status.startsWith('2'))
        .map(([, { content = {} }]): [string, Schema] => [
          `${method} ${path}`,
          resolve(document, content['application/json']?.schema ?? {}),
        ]),
    );
    expect(answers.filter(([, schema]) => hasType(schema, 'array'))).toEqual([]);
    const lists = answers.filter(
      ([name, { properties = {} }]) => name.startsWith('get ') && 'items' in properties,
    );
    expect(lists.length).toBeGreaterThan(8);
    for (const [name, { properties = {}, required = [] }] of lists) {
      expect([name, required]).toEqual([name, expect.arrayContaining(['items', 'next_cursor'])]);
      expect([name, properties['items']?.type]).toEqual([name, 'array']);
      expect([name, properties['next_cursor']?.type]).toEqual([name, ['string', 'null']]);
    }
  });
});

describe('/docs', () => {
  it('serves Swagger UI, all of it from here', async () => {
    const page = await client.withKey(null).get('/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    const html = page.bytes.toString();
    const linked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!);
    expect(linked.length).toBeGreaterThan(3);
    for (const address of linked) {
      expect(address).toMatch(/^\.\/docs\//);
      const { status, bytes } = await client.withKey(null).get(address.slice(1));
      expect([address, status, bytes.length > 0]).toEqual([address, 200, true]);
    }
    expect(html.replaceAll('http://www.w3.org/', '')).not.toMatch(/https?:\/\//);
  });
});
