import { type Client, Deployment } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobBody } from '../src/jobs/job.body.js';
import { type Document, operationsOf, type Schema } from '../src/openapi/document.js';
import { shapeOf } from '../src/openapi/shape.js';
import { noop, planOf } from './plans.js';

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3,6}Z$/;
/** Schemas may hold themselves. */
const DEEPEST = 8;
/** What a tenant has used of each budget on a day: a report, not a list. */
const NO_LIST = '/v1/usage';

let deployment: Deployment;
let client: Client;
let document: Document;

beforeAll(async () => {
  deployment = await Deployment.open();
  const api = await deployment.api();
  await deployment.worker();
  client = await deployment.client(api, 'mine');
  document = (await client.get<Document>('/openapi/v1.json')).body;
});
afterAll(async () => {
  await deployment.close();
});

/** Every field that the schema declares, with its place. */
function* fieldsOf(
  schema: Schema,
  at = '',
  depth = 0,
): Generator<[place: string, name: string, schema: Schema]> {
  if (depth > DEEPEST) return;
  const { fields, items } = shapeOf(document, schema);
  for (const [name, field] of fields) {
    yield [at, name, field];
    yield* fieldsOf(field, `${at}/${name}`, depth + 1);
  }
  if (items) yield* fieldsOf(items, `${at}/*`, depth + 1);
}

/** Each field that an answer of /v1 declares. */
function* answered(): Generator<[route: string, place: string, name: string, schema: Schema]> {
  for (const [path, method, { responses }] of operationsOf(document.paths)) {
    if (!path.startsWith('/v1/')) continue;
    for (const { content } of Object.values(responses))
      for (const { schema } of Object.values(content ?? {}))
        for (const field of schema ? fieldsOf(schema) : []) yield [`${method} ${path}`, ...field];
  }
}

// Scenario: Answers keep one shape
describe('the answers of /v1', () => {
  it('have names in snake_case', () => {
    const all = [...answered()];
    expect(all.length).toBeGreaterThan(500);
    expect(all.filter(([, , name]) => !NAME.test(name))).toEqual([]);
  });

  it('declare what is named as an instant as one', () => {
    const moments = [...answered()].filter(([, , name]) => name.endsWith('_at'));
    expect(moments.length).toBeGreaterThan(100);
    expect(moments.filter(([, , , schema]) => schema.format !== 'date-time')).toEqual([]);
  });

  it('are lists of one shape', () => {
    const lists = [...operationsOf(document.paths)].flatMap(([path, method, { responses }]) => {
      const { fields, types } = shapeOf(
        document,
        responses['200']?.content?.['application/json']?.schema ?? {},
      );
      expect([path, types?.has('array') ?? false]).toEqual([path, false]);
      const isList = method === 'get' && path.startsWith('/v1/') && path !== NO_LIST && fields.has('items');
      return isList ? [[path, [...fields.keys()].filter((name) => name !== 'total').sort()]] : [];
    });
    expect(lists.length).toBeGreaterThan(8);
    expect(lists).toEqual(lists.map(([path]) => [path, ['items', 'next_cursor']]));
  });

  it('tell instants in UTC, to the millisecond at least, wherever one stands', async () => {
    const { job_id: jobId } = (
      await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), confirm: true })
    ).body;
    await client.get(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
    const reads = ['', '/runs', '/artifacts', '/draft', '/draft/revisions'].map(
      (part) => `/v1/jobs/${jobId}${part}`,
    );
    const told: [string, unknown][] = [];
    for (const path of [...reads, '/v1/jobs', '/v1/audit']) {
      const { status, body } = await client.get<unknown>(path);
      expect([path, status]).toEqual([path, 200]);
      JSON.stringify(body, (name, value: unknown) => {
        if (name.endsWith('_at') && value !== null) told.push([`${path} ${name}`, value]);
        return value;
      });
    }
    expect(told.length).toBeGreaterThan(20);
    expect(told.filter(([, instant]) => typeof instant !== 'string' || !INSTANT.test(instant))).toEqual([]);
  });
});
