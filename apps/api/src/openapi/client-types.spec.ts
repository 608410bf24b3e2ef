import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const CHECKOUT = join(import.meta.dirname, '../../../..');
const read = (path: string): Promise<string> => readFile(join(CHECKOUT, path), 'utf8');

it('has the types of libs/client made from the document that is kept (otherwise: npm run docs)', async () => {
  const script = pathToFileURL(join(CHECKOUT, 'scripts/client-types.mjs')).href;
  // A script of plain JavaScript, which has no types.
  const { renderClientTypes } = (await import(script)) as {
    renderClientTypes: (document: unknown) => Promise<string>;
  };
  const document: unknown = JSON.parse(await read('docs/openapi/v1.json'));
  const types = await renderClientTypes(document);
  expect(types).toContain('jobs_create');
  expect((await read('libs/client/src/generated/v1.ts')) === types).toBe(true);
}, 60_000);
