import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Document } from '../../../api/src/openapi/document.js';
import { bytesOf, curlLine } from '../wire/sent.js';
import { requestsOf } from './draw.js';
import { changed } from './hostile.js';
import type { FuzzRequest } from './request.js';
import { nameOf, routesOf } from './routes.js';

const KEPT = join(import.meta.dirname, '../../../../docs/openapi');
// Written by `npm run docs` alone.
const read = (name: string): Document =>
  JSON.parse(readFileSync(join(KEPT, `${name}.json`), 'utf8')) as Document;
const routes = routesOf(new Map(['v1', 'unversioned'].map((name) => [name, read(name)])));
const some = (operation: string, numRuns = 400): FuzzRequest[] =>
  fc.sample(requestsOf(routes.find((route) => nameOf(route) === operation)!), { seed: 7, numRuns });

describe('requestsOf', () => {
  it('draws the same requests from the same seed', () => {
    const texts = (): string => JSON.stringify(some('jobs_create').map(({ route, ...rest }) => rest));
    expect(texts()).toBe(texts());
  });

  it('draws for every route of the documents, with every parameter in its place', () => {
    for (const route of routes)
      for (const { address, method } of fc.sample(requestsOf(route), { seed: 1, numRuns: 5 })) {
        expect(address).not.toMatch(/[{}]/);
        expect(method).not.toBe('');
      }
  });

  it('draws proper requests and hostile ones', () => {
    const requests = some('jobs_create');
    const parsed = requests.flatMap(({ body }) => {
      try {
        return [JSON.parse(Buffer.from(body?.bytes ?? '', 'latin1').toString()) as unknown];
      } catch {
        return [];
      }
    });
    expect(parsed.some((body) => Object.hasOwn(Object(body) as object, 'plan'))).toBe(true);
    expect(parsed.length).toBeLessThan(requests.length);
    expect(new Set(requests.map(({ asker }) => asker))).toEqual(
      new Set(['own', 'nobody', 'wrong', 'narrow']),
    );
    expect(new Set(requests.map(({ manner }) => manner)).size).toBeGreaterThan(2);
    expect(some('jobs_get').some(({ address }) => address.includes('~~their:job_id~~'))).toBe(true);
  });
});

describe('changed', () => {
  it('changes one place, counted round and round', () => {
    const value = { a: [1, 2], b: 'x' };
    const put = (at: number): unknown => changed(structuredClone(value), at, { how: 'put', value: null });
    expect([put(0), put(1), put(2), put(4), put(5)]).toEqual([
      null,
      { a: null, b: 'x' },
      { a: [null, 2], b: 'x' },
      { a: [1, 2], b: null },
      null,
    ]);
    expect(changed({ a: 1 }, 1, { how: 'drop', value: null })).toEqual({});
    expect(changed({ a: 1 }, 0, { how: 'add', value: 2 })).toEqual({ a: 1, unasked: 2 });
    expect(changed({ a: 1 }, 1, { how: 'wrap', value: null })).toEqual({ a: [1] });
  });
});

describe('a request as bytes and as a line for a shell', () => {
  const request = some('jobs_create').find(({ manner }) => manner === 'plain')!;
  const sent = { method: 'POST', address: '/x', headers: [['Host', 'h']] as const, body: "it's\x00" };

  it('says how long its body is, and sends it twice when it is pipelined', () => {
    expect(bytesOf(sent, request)).toBe(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nit's\x00",
    );
    expect(bytesOf(sent, { ...request, manner: 'pipelined' }).match(/POST \/x/g)).toHaveLength(2);
    expect(bytesOf(sent, { ...request, manner: 'cut', pick: 3 }).length).toBeLessThan(
      bytesOf(sent, request).length,
    );
  });

  it('is quoted, and shows no key', () => {
    const keyed = { ...sent, headers: [['Authorization', 'Bearer ssk.secret']] as const };
    const line = curlLine('http://127.0.0.1:1', keyed, request);
    expect(line).toBe(
      `curl -i --path-as-is -X POST -H "Authorization: Bearer $KEY" --data-binary $'it\\x27s\\x00' 'http://127.0.0.1:1/x'`,
    );
  });
});
