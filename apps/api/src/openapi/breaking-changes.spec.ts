import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { breakingChanges } from './breaking-changes.js';
import type { Document, Operation, Schema } from './document.js';
import { readKept } from './write-documents.js';

const KEPT = readKept(join(import.meta.dirname, '../../../../docs/openapi/v1.json'))!;

/** What the differ says of a change to the document that is kept. */
function afterwards(change: (document: Document) => void): string[] {
  const changed = structuredClone(KEPT);
  change(changed);
  return breakingChanges(KEPT, changed);
}
const schema = (document: Document, name: string): Schema => document.components.schemas[name]!;
const operation = (document: Document, path: string, method: string): Operation =>
  document.paths[path]![method]!;

describe('a change of the contract', () => {
  it('that is none breaks nothing', () => {
    expect(afterwards(() => undefined)).toEqual([]);
  });

  it('is caught where a route, an answer or a media type goes', () => {
    expect(afterwards(({ paths }) => delete paths['/v1/jobs/{job_id}/explain'])).toEqual([
      'GET /v1/jobs/{job_id}/explain: the route is gone',
    ]);
    expect(afterwards((document) => delete operation(document, '/v1/jobs', 'post').responses['201'])).toEqual(
      ['POST /v1/jobs: is not answered 201 any more'],
    );
    expect(
      afterwards((document) => {
        const body = operation(document, '/v1/jobs', 'post').requestBody!;
        body.content = { 'application/xml': {} };
      }),
    ).toEqual(['POST /v1/jobs: the body is not application/json any more']);
  });

  it('is caught where an answer has less, or may', () => {
    expect(
      afterwards((document) => {
        const job = schema(document, 'JobBody');
        delete job.properties!['plan_id'];
        job.required = job.required!.filter((name) => name !== 'plan_id');
      }),
    ).toEqual(
      expect.arrayContaining([
        'GET /v1/jobs/{job_id}: the answer 200/plan_id is gone',
        // There a job may be one with the fields that were asked for.
        'GET /v1/jobs: the answer 200/items/*/plan_id may be left out now',
      ]),
    );
    expect(afterwards((document) => delete schema(document, 'RunBody').properties!['lease_no'])).toContain(
      'GET /v1/jobs/{job_id}/runs: the answer 200/items/*/lease_no is gone',
    );
    expect(
      afterwards((document) => {
        const job = schema(document, 'JobBody');
        job.required = job.required!.filter((name) => name !== 'plan_id');
      }),
    ).toContain('GET /v1/jobs/{job_id}: the answer 200/plan_id may be left out now');
    expect(
      afterwards((document) => {
        schema(document, 'JobBody').properties!['attempts'] = { type: 'string' };
      }),
    ).toContain('GET /v1/jobs/{job_id}: the answer 200/attempts was number and is string');
    expect(
      afterwards((document) => {
        schema(document, 'JobBody').properties!['trace_id'] = { type: ['string', 'null'] };
      }),
    ).toContain('GET /v1/jobs/{job_id}: the answer 200/trace_id was string and is string, null');
    expect(
      afterwards(
        (document) => delete operation(document, '/v1/jobs', 'post').responses['201']!.headers!['Location'],
      ),
    ).toEqual(['POST /v1/jobs: the answer 201 has no header Location any more']);
  });

  it('is caught where a request needs more, or may say less', () => {
    expect(
      afterwards((document) => {
        const request = schema(document, 'CreateJobRequest');
        request.properties!['colour'] = { type: 'string' };
        request.required = ['colour'];
      }),
    ).toEqual([
      'POST /v1/jobs: the body/colour is required now',
      'POST /v1/jobs/batch: the body/items/*/colour is required now',
    ]);
    expect(
      afterwards((document) => delete schema(document, 'CreateJobRequest').properties!['priority']),
    ).toEqual([
      'POST /v1/jobs: the body/priority is gone',
      'POST /v1/jobs/batch: the body/items/*/priority is gone',
    ]);
    expect(
      afterwards((document) => {
        schema(document, 'CreateJobRequest').properties!['requirement']!.maxLength = 10;
      }),
    ).toEqual([
      'POST /v1/jobs: the body/requirement has a narrower maxLength',
      'POST /v1/jobs/batch: the body/items/*/requirement has a narrower maxLength',
    ]);
    expect(
      afterwards((document) => {
        operation(document, '/v1/jobs', 'get').parameters!.push({
          name: 'colour',
          in: 'query',
          required: true,
        });
      }),
    ).toEqual(['GET /v1/jobs: the query parameter colour is required now']);
    expect(afterwards(({ paths }) => (paths['/versions']!['get']!.security = [{ bearer: [] }]))).toEqual([
      'GET /versions: asks for a key now',
    ]);
  });

  it('is caught where the values narrow that a request may have, and where those of an answer widen', () => {
    expect(
      afterwards((document) => {
        const { parameters = [] } = operation(document, '/v1/jobs', 'get');
        const { items } = parameters.find(({ name }) => name === 'status')!.schema!;
        items!.enum = items!.enum!.slice(1);
      }),
    ).toEqual([
      expect.stringMatching(/^GET \/v1\/jobs: the query parameter status\/\* was one of created, /),
    ]);
    expect(
      afterwards((document) => {
        schema(document, 'JobBody').properties!['status']!.enum = ['created', 'purple'];
      }),
    ).toContainEqual(expect.stringContaining('is one of created, purple'));
  });

  it('passes where something is added that nobody has to know', () => {
    expect(
      afterwards((document) => {
        document.paths['/v1/colours'] = { get: { operationId: 'colours', responses: { 200: {} } } };
        schema(document, 'CreateJobRequest').properties!['colour'] = { type: 'string' };
        const job = schema(document, 'JobBody');
        job.properties!['colour'] = { type: 'string' };
        job.required!.push('colour');
        operation(document, '/v1/jobs', 'get').parameters!.push({ name: 'colour', in: 'query' });
        operation(document, '/v1/jobs', 'post').responses['202'] = {};
        operation(document, '/v1/jobs', 'post').responses['418'] = {};
        delete operation(document, '/v1/jobs', 'post').responses['409'];
        schema(document, 'CreateJobRequest').properties!['requirement']!.maxLength = 1_000_000;
        operation(document, '/v1/jobs', 'get').description = 'In other words.';
      }),
    ).toEqual([]);
  });
});
