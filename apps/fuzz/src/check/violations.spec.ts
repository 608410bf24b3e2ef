import { describe, expect, it } from '@jest/globals';
import type { Document } from '../../../api/src/openapi/document.js';
import type { FuzzRequest } from '../requests/request.js';
import { routesOf } from '../requests/routes.js';
import type { Answer } from '../wire/read-answers.js';
import { DocumentedBodies } from './documented-bodies.js';
import { type Violation, violationsOf } from './violations.js';

const problem = {
  type: 'object',
  required: ['code'],
  properties: { code: { type: 'string', enum: ['THING_NOT_FOUND'] } },
};
const DOCUMENT: Document = {
  openapi: '3.1.0',
  info: { title: 'a test', version: 'v1' },
  components: {
    schemas: { Thing: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } } },
  },
  paths: {
    '/v1/things/{id}': {
      get: {
        operationId: 'things_get',
        responses: {
          '200': { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
          '404': { content: { 'application/problem+json': { schema: problem } } },
        },
      },
    },
  },
};
const routes = routesOf(new Map([['v1', DOCUMENT]]));
const bodies = new DocumentedBodies(routes);
const REQUEST: FuzzRequest = {
  route: routes[0]!,
  method: 'GET',
  address: '/v1/things/1',
  headers: [],
  body: null,
  asker: 'own',
  manner: 'plain',
  pick: 0,
};

const answer = (
  status: number,
  body: unknown,
  type = 'application/json',
  more: [string, string][] = [],
): Answer => ({
  status,
  headers: new Map([['x-ss-request-id', 'r'], ['content-type', type], ...more]),
  body: Buffer.from(JSON.stringify(body)),
});

function kinds(answers: Answer[], request: Partial<FuzzRequest> = {}, isHanging = false): string[] {
  const asked = { ...REQUEST, ...request };
  const sent = { method: asked.method, address: asked.address, headers: asked.headers, body: null };
  const found: Violation[] = violationsOf(
    { request: asked, sent, exchanged: { answers, isHanging, ms: 1 } },
    bodies,
    ['CANARY'],
  );
  return found.map(({ kind }) => kind);
}

const PROBLEM = 'application/problem+json';

describe('violationsOf', () => {
  it('finds nothing in answers that are as documented', () => {
    expect(kinds([answer(200, { id: 1 })])).toEqual([]);
    expect(kinds([answer(404, { code: 'THING_NOT_FOUND' }, PROBLEM)])).toEqual([]);
  });

  it('finds what fails, hangs, or ends without a word', () => {
    expect(kinds([answer(500, { code: 'SERVICE_INTERNAL_ERROR' }, PROBLEM)])).toContain(
      '500 SERVICE_INTERNAL_ERROR',
    );
    expect(kinds([answer(503, { code: 'DATABASE_BUSY' }, PROBLEM)])).toContain('503 DATABASE_BUSY');
    expect(kinds([], {}, true)).toEqual(['hangs']);
    expect(kinds([])).toEqual(['no answer']);
    expect(kinds([], { manner: 'cut' })).toEqual([]);
  });

  it('finds a status, a type, a code and a field that the document does not have', () => {
    for (const wrong of [
      answer(418, {}),
      answer(200, { id: 1 }, 'text/html'),
      answer(200, { id: 'one' }),
      answer(200, {}),
      answer(404, { code: 'OTHER_CODE' }, PROBLEM),
    ])
      expect(kinds([wrong])).toEqual([expect.stringMatching(/^undocumented: /)]);
  });

  it('finds another tenant’s words in a body and in a header, but not in an echo of what was asked', () => {
    expect(kinds([answer(200, { id: 1, more: 'a CANARY' })])).toEqual(['another tenant’s data']);
    expect(kinds([answer(200, { id: 1 }, 'application/json', [['location', '/CANARY']])])).toEqual([
      'another tenant’s data',
    ]);
    expect(kinds([answer(200, { id: 1, more: 'CANARY' })], { address: '/v1/things/CANARY' })).toEqual([]);
  });

  it('finds stacks, and answers without a request id', () => {
    expect(kinds([answer(404, { code: 'THING_NOT_FOUND', detail: 'at x (/a/b.ts:12)' }, PROBLEM)])).toEqual([
      'tells of the inside',
    ]);
    const { headers, ...rest } = answer(200, { id: 1 });
    expect(headers.size).toBe(2);
    expect(kinds([{ ...rest, headers: new Map([['content-type', 'application/json']]) }])).toEqual([
      'no X-SS-Request-Id',
    ]);
  });
});
