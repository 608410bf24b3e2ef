import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './programs/checkout.js';

/** They are kept beside the formats, and no part of the build. */
const FILES = {
  ocsf: 'libs/audit/src/schemas/ocsf-api-activity.schema.json',
  cloudevents: 'libs/audit/src/schemas/cloudevents.schema.json',
} as const;

const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
formats.default(ajv);
const compiled = new Map<string, ValidateFunction>();

/** What is wrong with the event by the schema of the format; empty when nothing is. */
export function faultsOf(format: keyof typeof FILES, event: unknown): string[] {
  const validate = validatorOf(FILES[format]);
  if (validate(event)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}

/** Read when it is first asked for: most who import this library never do. */
function validatorOf(file: string): ValidateFunction {
  const known = compiled.get(file);
  if (known) return known;
  const made = ajv.compile(JSON.parse(readFileSync(join(CHECKOUT, file), 'utf8')) as object);
  compiled.set(file, made);
  return made;
}
