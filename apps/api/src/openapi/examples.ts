import { type Document, type MediaType, resolve, type Schema } from './document.js';

/** What a field of this name looks like, where its schema does not say so itself. */
const BY_NAME: Readonly<Record<string, unknown>> = {
  actor_id: 'key_3f6c',
  cursor: 'WyIyMDI2LTExLTIzIl0',
  dataset_key: 'penguins',
  detail: 'The job has changed since: its version is 4.',
  fingerprint: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  job_id: 'job_4f1c0a9be2d37586',
  message: 'The job is not there.',
  next_cursor: null,
  original_name: 'penguins.csv',
  reason: 'asked for by the data owner',
  rel_path: 'tables/mean_by_species.csv',
  request_id: '4bf92f3577b34da6',
  requirement: 'What is the mean body mass by species?',
  run_id: '0191e2a4-6f1e-7c3a-9d55-2b1f0c8e7a10',
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  step_id: 'mean',
  tenant_id: 'default',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  version: 3,
};

const BY_FORMAT: Readonly<Record<string, unknown>> = {
  'date-time': '2026-11-23T12:00:00.000Z',
  date: '2026-11-23',
  uuid: '0191e2a4-6f1e-7c3a-9d55-2b1f0c8e7a10',
};

const DEEPEST = 8;

/** Gives a body an example that is of its schema, where it has none. */
export function giveExample(document: Document, type: string, media: MediaType): void {
  const isJson = /[/+]json$/.test(type);
  if (!isJson || !media.schema || media.example !== undefined || media.examples !== undefined) return;
  media.example = exampleOf(document, media.schema, '', 0);
}

function exampleOf(document: Document, given: Schema, name: string, depth: number): unknown {
  const schema = resolve(document, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.const !== undefined) return schema.const;
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  if (schema.enum) return schema.enum.find((value) => value !== null) ?? null;
  const known = BY_NAME[name];
  if (known !== undefined && types.includes(typeOf(known))) return known;
  if (types.includes('null') && (depth > 2 || schema.format !== undefined)) return null;
  if (schema.format !== undefined && schema.format in BY_FORMAT) return BY_FORMAT[schema.format];
  const parts = schema.allOf ?? [];
  if (parts.length > 0)
    return Object.assign({}, ...parts.map((part) => exampleOf(document, part, name, depth)));
  const choice = (schema.oneOf ?? schema.anyOf)?.find(({ type }) => type !== 'null');
  if (choice) return exampleOf(document, choice, name, depth + 1);
  if (types.includes('array')) {
    return schema.items && depth < DEEPEST ? [exampleOf(document, schema.items, name, depth + 1)] : [];
  }
  if (schema.properties) {
    return Object.fromEntries(
      Object.entries(schema.properties)
        .filter(([field]) => depth < DEEPEST || schema.required?.includes(field))
        .map(([field, part]) => [field, exampleOf(document, part, field, depth + 1)]),
    );
  }
  if (types.includes('object')) {
    const { additionalProperties: more, maxProperties: most } = schema;
    return typeof more === 'object' && most !== 0 ? { name: exampleOf(document, more, '', depth + 1) } : {};
  }
  if (types.includes('boolean')) return schema.default ?? false;
  if (types.includes('integer') || types.includes('number')) return schema.default ?? schema.minimum ?? 1;
  if (types.includes('string')) return schema.default ?? 'text';
  return types.includes('null') ? null : {};
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
