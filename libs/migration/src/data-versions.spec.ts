import { describe, expect, it } from '@jest/globals';
import { DATA_VERSIONS, type DataVersions, lift } from './data-versions.js';
import type { JsonObject } from './format/json.js';
import { parseJson } from './format/parse-json.js';

const documentOf = (text: string): JsonObject => parseJson(text).value as JsonObject;

describe('lift', () => {
  it.each([
    ['1', ['1→2', '2→3']],
    ['2', ['2→3']],
    ['3', []],
  ])('takes a document from version %s step by step to the one that is written', (version, steps) => {
    const lifted = lift(documentOf(`{"schema_version": ${version}, "runs": [], "artifacts_index": []}`));
    expect(lifted).toMatchObject({ from: Number(version), to: 3, steps, repairs: [] });
    expect(lifted.document['schema_version']).toBe(3);
  });

  it.each([
    ['true', 1],
    ['2.0', 2],
    ['3.0', 3],
  ])('takes %s for %s, as the legacy reader does, and says so', (written, from) => {
    const lifted = lift(documentOf(`{"schema_version": ${written}}`));
    expect(lifted).toMatchObject({
      from,
      repairs: [{ reason: 'NUMBER_COERCED', pointer: '/schema_version' }],
    });
  });

  it('needs the number', () => {
    expect(() => lift({})).toThrow(expect.objectContaining({ reason: 'SCHEMA_VERSION_MISSING' }));
  });

  it.each(['null', '"3"', '3.5', 'false', '0', '4', '99', '[]'])('knows no version %s', (written) => {
    const document = documentOf(`{"schema_version": ${written}}`);
    expect(() => lift(document)).toThrow(expect.objectContaining({ reason: 'SCHEMA_VERSION_UNSUPPORTED' }));
  });
});

describe('a version 4', () => {
  /** What a release that writes version 4 adds: one step, and one line in the table. */
  const from3To4 = (document: JsonObject): JsonObject => ({
    ...document,
    priority: document['priority'] ?? 0,
  });
  const withFour: DataVersions = { write: 4, steps: { ...DATA_VERSIONS.steps, 3: from3To4 } };

  it('takes one step and one line', () => {
    const lifted = lift({ schema_version: 1 }, withFour);
    expect(lifted).toMatchObject({ from: 1, to: 4, steps: ['1→2', '2→3', '3→4'] });
    expect(lifted.document).toEqual({
      ...{ schema_version: 4, version: 1, runs: [], artifacts_index: [], priority: 0 },
    });
    expect(lift({ schema_version: 4 }, withFour).steps).toEqual([]);
  });
});
