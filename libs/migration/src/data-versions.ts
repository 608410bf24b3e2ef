import { ExactNumber } from './format/exact-number.js';
import type { JsonObject } from './format/json.js';
import { type Detail, Quarantined } from './reasons.js';
import { from1To2 } from './steps/from-1-to-2.js';
import { from2To3 } from './steps/from-2-to-3.js';

/** Lifts a document by one version: pure, and the only place that knows both shapes. */
export type Step = (document: JsonObject) => JsonObject;

export interface DataVersions {
  /** What rows and exported trees are written as. */
  write: number;
  /** From each older version that is read, the step to the next one. */
  steps: Readonly<Record<number, Step>>;
}

/**
 * The versions of a job's data that this release knows. To add one: raise `write`, add the step from the version
 * before it, in a file of its own with its test. Nothing else changes.
 */
export const DATA_VERSIONS: DataVersions = {
  write: 3,
  steps: { 1: from1To2, 2: from2To3 },
};

export interface Lifted {
  document: JsonObject;
  from: number;
  to: number;
  /** The steps that were taken, `1→2` say. */
  steps: string[];
  repairs: Detail[];
}

/** Lifts a document to the version that is written now. Throws `Quarantined`. */
export function lift(document: JsonObject, versions: DataVersions = DATA_VERSIONS): Lifted {
  const { version: from, coerced } = versionOf(document, versions);
  const repairs: Detail[] = coerced ? [{ reason: 'NUMBER_COERCED', pointer: '/schema_version' }] : [];
  const steps: string[] = [];
  let lifted = document;
  for (let version = from; version < versions.write; version++) {
    const step = versions.steps[version];
    if (step === undefined) throw new Quarantined('SCHEMA_VERSION_UNSUPPORTED');
    lifted = step(lifted);
    steps.push(`${String(version)}→${String(version + 1)}`);
  }
  return {
    document: { ...lifted, schema_version: versions.write },
    from,
    to: versions.write,
    steps,
    repairs,
  };
}

/** The legacy reader compares as Python does: `true` is 1, `2.0` is 2; a text is no number. */
function versionOf(document: JsonObject, versions: DataVersions): { version: number; coerced: boolean } {
  if (!Object.hasOwn(document, 'schema_version')) throw new Quarantined('SCHEMA_VERSION_MISSING');
  const written = document['schema_version'];
  const version = written === true ? 1 : written instanceof ExactNumber ? Number(written.text) : written;
  const known = typeof version === 'number' && (version === versions.write || version in versions.steps);
  if (!known) throw new Quarantined('SCHEMA_VERSION_UNSUPPORTED', [{ pointer: '/schema_version' }]);
  return { version, coerced: written !== version };
}
