import fc from 'fast-check';
import { type Document, resolve, type Schema } from '../../../api/src/openapi/document.js';
import { token } from '../world/token.js';

const DEEPEST = 5;
const MANY = 4;

/** Addresses that nobody answers at: the fuzzer calls no one but the API. */
const URLS = [
  'https://hooks.invalid/ss',
  'http://127.0.0.1:1/',
  'http://[::1]:1/',
  'http://169.254.169.254/latest/meta-data',
  'https://10.0.0.1/',
  'ftp://hooks.invalid/',
  'file:///etc/passwd',
  'https://user:password@hooks.invalid/',
  'nonsense',
];

const step = (id: string, more: object = {}): object => ({ step_id: id, type: 'noop', params: {}, ...more });
const PLANS: readonly object[] = [
  { plan_version: 2, steps: [step('a')] },
  { plan_version: 2, steps: [step('a'), step('b', { depends_on: ['a'] })] },
  { plan_version: 2, steps: [step('a', { depends_on: ['b'] }), step('b', { depends_on: ['a'] })] },
  { plan_version: 2, steps: [{ step_id: 's', type: 'sql', params: { sql: 'SELECT 1 AS one' } }] },
  { plan_version: 2, steps: [{ step_id: 's', type: 'sql', params: { sql: 'not sql' } }] },
  { plan_version: 2, steps: [{ step_id: 's', type: 'command', params: { profile: 'none', args: [] } }] },
  { plan_version: 2, steps: [] },
  { plan_version: 1, steps: [step('a')] },
  { plan_version: 99, steps: 'many' },
];
const STEPS = PLANS.flatMap((plan) => ('steps' in plan && Array.isArray(plan.steps) ? [plan.steps] : []));

/** Fields whose schema says less than a useful value needs. */
const BY_NAME: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  job_id: fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 1e9 }).map((n) => `fuzz-${n.toString(36)}`) },
    { weight: 1, arbitrary: fc.constantFrom(token('job_id'), token('their:job_id')) },
  ),
  plan: fc.constantFrom(...PLANS),
  steps: fc.constantFrom(...STEPS),
  url: fc.constantFrom(...URLS),
  target_url: fc.constantFrom(...URLS),
  reason: fc.constantFrom('because the fuzzer says so', 'why not'),
  cursor: fc.constantFrom(token('cursor'), token('their:cursor'), 'WyJ4Il0', ''),
  dataset_key: fc.constantFrom(token('dataset_key'), 'nothing'),
  role: fc.constantFrom('primary_dataset', 'auxiliary_dataset', 'none'),
  types: fc.constantFrom(['job.*'], ['job.succeeded', 'job.failed'], ['nothing'], []),
  scopes: fc.subarray(['jobs:read', 'jobs:write', 'jobs:confirm', 'audit:read', 'nonsense']),
  draft_revision: fc.constantFrom(1, 2, 3, 1_000),
  fields: fc.constantFrom('job_id', 'job_id,status', 'nothing'),
  label: fc.constantFrom('from=fuzz', 'a=b', '=', 'x'),
};

/** Values of a schema; what it leaves open is drawn freely. */
export function valuesOf(document: Document, given: Schema, name = '', depth = 0): fc.Arbitrary<unknown> {
  const known = BY_NAME[name];
  if (known) return known;
  const schema = resolve(document, given);
  const own = plainValues(document, schema, name, depth);
  if (schema.example === undefined) return own;
  return fc.oneof({ weight: 3, arbitrary: own }, { weight: 1, arbitrary: fc.constant(schema.example) });
}

function plainValues(document: Document, schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum && schema.enum.length > 0) return fc.constantFrom(...schema.enum);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return fc.oneof(...choices.map((choice) => valuesOf(document, choice, name, depth)));
  if (schema.allOf) {
    const parts = schema.allOf.map((part) => valuesOf(document, part, name, depth));
    return fc.tuple(...parts).map((values): unknown => Object.assign({}, ...values));
  }
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  if (types.length === 0) return depth > DEEPEST ? fc.constant(null) : fc.jsonValue({ maxDepth: 2 });
  return fc.oneof(...types.map((type) => typed(document, schema, type, depth)));
}

function typed(document: Document, schema: Schema, type: string, depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number': {
      const min = schema.minimum ?? -10;
      const max = Math.max(min, schema.maximum ?? 1_000);
      return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
    }
    case 'array':
      return depth > DEEPEST
        ? fc.constant([])
        : fc.array(valuesOf(document, schema.items ?? {}, '', depth + 1), { maxLength: MANY });
    case 'object':
      return objects(document, schema, depth);
    default:
      return texts(schema);
  }
}

function objects(document: Document, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties: more } = schema;
  const names = Object.entries(properties).filter(([name]) => depth <= DEEPEST || required.includes(name));
  if (names.length === 0) {
    const values =
      typeof more === 'object' ? valuesOf(document, more, '', depth + 1) : fc.jsonValue({ maxDepth: 1 });
    return more === undefined || more === false
      ? fc.constant({})
      : fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), values, { maxKeys: 3 });
  }
  const fields = Object.fromEntries(
    names.map(([name, part]) => [name, valuesOf(document, part, name, depth + 1)]),
  );
  return fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
}

function texts({ format, minLength = 0, maxLength = 40, pattern }: Schema): fc.Arbitrary<unknown> {
  if (format === 'date-time')
    return fc.oneof(
      fc
        .integer({ min: -1e6, max: 1e6 })
        .map((seconds) => new Date(Date.UTC(2026, 10, 23) + seconds * 1e3).toISOString()),
      fc.constantFrom('2026-11-23T12:00:00Z', '1970-01-01T00:00:00.000Z', '9999-12-31T23:59:59Z'),
    );
  if (format === 'uuid') return fc.uuid();
  if (format === 'binary') return fc.constant('a,b\n1,2\n');
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  const longest = Math.max(minLength, Math.min(maxLength, 40));
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength, maxLength: longest }) },
    { weight: 1, arbitrary: fc.string({ minLength, maxLength: longest, unit: 'binary' }) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(Math.min(maxLength, 5_000)), 'x'.repeat(minLength)) },
  );
}
