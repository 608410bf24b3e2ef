import { type Client, Deployment } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import spectral, { type RulesetDefinition } from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';
import { join } from 'node:path';
import { ERROR_CODES } from '#observability';
import { breakingChanges } from '../src/openapi/breaking-changes.js';
import { type Document, operationsOf, type Operation, resolve } from '../src/openapi/document.js';
import { OWN_REFUSALS } from '../src/openapi/refusals.js';
import { readKept } from '../src/openapi/write-documents.js';
import type { VersionList } from '../src/versions/versions.body.js';

/** The rules follow every pointer: a minute for a document of this size, on a machine that does nothing else. */
const LINT_LIMIT_MS = 300_000;
const KEPT = join(import.meta.dirname, '../../../docs/openapi');

let deployment: Deployment;
let client: Client;
let documents: Map<string, Document>;

beforeAll(async () => {
  deployment = await Deployment.open();
  client = (await deployment.client(await deployment.api())).withKey(null);
  const { items } = (await client.get<VersionList>('/versions')).body;
  documents = new Map();
  for (const { name, openapi } of items) documents.set(name, (await client.get<Document>(openapi)).body);
});
afterAll(async () => {
  await deployment.close();
});

async function findings(document: Document): Promise<string[]> {
  const linter = new spectral.Spectral();
  // Its type is that of a ruleset; the packages' declarations differ in a detail.
  linter.setRuleset({ extends: [rulesets.oas] } as RulesetDefinition);
  // As the linter wants it: of no type.
  const found = await linter.run(Object.fromEntries(Object.entries(document)));
  return found.map(({ code, path, message }) => `${String(code)} ${path.join('/')}: ${message}`);
}

const operations = (): [name: string, operation: Operation, document: Document][] =>
  [...documents.values()].flatMap((document) =>
    [...operationsOf(document.paths)].map(([path, method, operation]): [string, Operation, Document] => [
      `${method} ${path}`,
      operation,
      document,
    ]),
  );

describe('the documents of all versions', () => {
  it('are those that are kept (otherwise: npm run docs), and break no client of them', () => {
    expect([...documents.keys()]).toEqual(['unversioned', 'v1']);
    for (const [name, document] of documents) {
      const kept = readKept(join(KEPT, `${name}.json`))!;
      expect([name, breakingChanges(kept, document)]).toEqual([name, []]);
      expect(document).toEqual(kept);
    }
  });

  it.each(['v1', 'unversioned'])(
    'leave Spectral’s rules nothing to find: %s',
    async (name) => {
      expect(await findings(documents.get(name)!)).toEqual([]);
    },
    LINT_LIMIT_MS,
  );

  it('are looked at by these rules indeed', async () => {
    const { paths, ...rest } = structuredClone(documents.get('unversioned')!);
    const only = paths['/jobs']!['post']!;
    const worse = { ...rest, paths: { '/jobs': { post: only, put: only } } };
    expect(await findings(worse)).toContainEqual(expect.stringContaining('operation-operationId-unique'));
  });

  it('name every refusal of every operation by its code, and its headers', () => {
    for (const [name, { responses, security }] of operations()) {
      if (name.includes('/health/')) continue;
      for (const [status, { headers = {}, content = {} }] of Object.entries(responses)) {
        expect([name, status, Object.keys(headers)]).toEqual([
          name,
          status,
          expect.arrayContaining(['X-SS-Request-Id']),
        ]);
        if (!/^[45]/.test(status)) continue;
        const [{ schema, example } = {}] = Object.values(content);
        const { code, error_code: legacyCode } = schema?.allOf?.[1]?.properties ?? {};
        const codes = (code ?? legacyCode)?.enum;
        expect([name, status, codes]).toEqual([name, status, expect.arrayContaining([expect.any(String)])]);
        expect([name, status, typeof example]).toEqual([name, status, 'object']);
        if (status === '429' || status === '503') expect(headers).toHaveProperty('Retry-After');
      }
      expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining(['500', '503'])]);
      if ((security ?? []).length > 0)
        expect([name, Object.keys(responses)]).toEqual([
          name,
          expect.arrayContaining(['400', '401', '403', '429']),
        ]);
    }
  });

  it('give every body of JSON an example', () => {
    for (const [name, { requestBody, responses }] of operations()) {
      const bodies = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
      for (const content of bodies)
        for (const [type, media] of Object.entries(content ?? {}))
          if (/^application\/(problem\+)?json$/.test(type))
            expect([name, type, Object.keys(media)]).toContainEqual(expect.arrayContaining(['example']));
    }
  });

  it('say of refusals what the code says of them', () => {
    const known = new Set(operations().map(([, { operationId }]) => operationId));
    expect(Object.keys(OWN_REFUSALS).filter((id) => !known.has(id))).toEqual([]);
    const told = new Set(
      operations().flatMap(([, { responses }]) =>
        Object.values(responses).map(({ description }) => description),
      ),
    );
    expect([...told].some((text) => text?.includes(ERROR_CODES.JOB_NOT_FOUND))).toBe(true);
    const [, document] = [...documents].find(([name]) => name === 'v1')!;
    const missing = document.paths['/v1/jobs/{job_id}']!['get']!.responses['404']!;
    const { allOf = [] } = missing.content!['application/problem+json']!.schema!;
    expect(allOf[1]!.properties!['code']!.enum).toEqual(['JOB_NOT_FOUND', 'TENANT_NOT_FOUND']);
    expect(Object.keys(resolve(document, allOf[0]!).properties!)).toEqual(
      expect.arrayContaining(['type', 'title', 'status', 'detail', 'code', 'request_id', 'errors']),
    );
  });
});
