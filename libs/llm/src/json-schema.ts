import type { Fault } from '#observability';

/** The part of JSON Schema that answers are described by. Objects are closed unless they are `open`. */
export type JsonSchema =
  | { type: 'string'; maxLength?: number; enum?: readonly string[]; description?: string }
  | { type: 'boolean' | 'number'; description?: string }
  | { type: 'array'; items: JsonSchema; maxItems?: number; description?: string }
  | {
      type: 'object';
      properties: Readonly<Record<string, JsonSchema>>;
      required: readonly string[];
      /** Any member may stand there: somebody else checks it. */
      additionalProperties: boolean;
      description?: string;
    };

const MAX_FAULTS = 20;

/** Every place in which the value is not what the schema says, the first twenty; none when it is. */
export function checkSchema(schema: JsonSchema, value: unknown): Fault[] {
  const faults: Fault[] = [];
  visit(schema, value, '', faults);
  return faults.slice(0, MAX_FAULTS);
}

function visit(schema: JsonSchema, value: unknown, pointer: string, faults: Fault[]): void {
  if (faults.length >= MAX_FAULTS) return;
  const refuse = (detail: string): void => void faults.push({ pointer, detail });
  switch (schema.type) {
    case 'boolean':
    case 'number':
      if (typeof value !== schema.type) refuse(`must be a ${schema.type}`);
      return;
    case 'string':
      if (typeof value !== 'string') refuse('must be a string');
      else if (schema.enum && !schema.enum.includes(value))
        refuse(`must be one of ${schema.enum.join(', ')}`);
      else if (value.length > (schema.maxLength ?? Infinity))
        refuse(`must have at most ${schema.maxLength ?? 0} characters`);
      return;
    case 'array':
      if (!Array.isArray(value)) refuse('must be a list');
      else if (value.length > (schema.maxItems ?? Infinity))
        refuse(`must have at most ${schema.maxItems ?? 0} items`);
      else
        value.forEach((item, index) => {
          visit(schema.items, item, `${pointer}/${index}`, faults);
        });
      return;
    case 'object':
      visitObject(schema, value, pointer, faults);
      return;
    default:
      schema satisfies never;
  }
}

function visitObject(
  schema: Extract<JsonSchema, { type: 'object' }>,
  value: unknown,
  pointer: string,
  faults: Fault[],
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push({ pointer, detail: 'must be an object' });
    return;
  }
  const members = new Map<string, unknown>(Object.entries(value));
  for (const name of schema.required) {
    if (!members.has(name)) faults.push({ pointer: `${pointer}/${name}`, detail: 'is required' });
  }
  for (const [name, member] of members) {
    const rule = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    // RFC 6901: ~ and / in a name are written ~0 and ~1.
    const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (rule) visit(rule, member, place, faults);
    else if (!schema.additionalProperties) faults.push({ pointer: place, detail: 'is not a known key' });
  }
}
