import { describe, expect, it } from '@jest/globals';
import { RouteTable } from './route-table.js';

const table = new RouteTable();
for (const [method, url] of [
  ['GET', '/v1/jobs'],
  ['POST', '/v1/jobs'],
  ['GET', '/v1/jobs/:job_id'],
  ['GET', '/v1/jobs/:job_id/artifacts/*'],
  ['GET', '/openapi.json'],
] as const) {
  table.add({ method, url });
}

describe('a route table', () => {
  it('knows the methods of an address, each once and in order', () => {
    table.add({ method: 'GET', url: '/v1/jobs' });
    expect(table.methodsOf('/v1/jobs')).toEqual(['GET', 'OPTIONS', 'POST']);
    expect(table.methodsOf('/v1/jobs/a%2Fb')).toEqual(['GET', 'OPTIONS']);
    expect(table.methodsOf('/v1/jobs/a/artifacts/b/c.csv')).toEqual(['GET', 'OPTIONS']);
  });

  it.each(['/', '/v1', '/v1/jobs/a/b', '/v2/v1/jobs', '/openapiXjson', '/v1/jobs/a/artifacts'])(
    'knows no address %s',
    (path) => {
      expect(table.methodsOf(path)).toEqual([]);
    },
  );
});
