import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SCHEMA_FOLDER = join(import.meta.dirname, '../../audit/src/schemas');

const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
formats.default(ajv);

function compiled(name: string): ValidateFunction {
  return ajv.compile(JSON.parse(readFileSync(join(SCHEMA_FOLDER, name), 'utf8')) as object);
}

const SCHEMAS = {
  ocsf: compiled('ocsf-api-activity.schema.json'),
  cloudevents: compiled('cloudevents.schema.json'),
};

/** What is wrong with the event by the schema of the format; empty when nothing is. */
export function faultsOf(format: keyof typeof SCHEMAS, event: unknown): string[] {
  const validate = SCHEMAS[format];
  if (validate(event)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}
