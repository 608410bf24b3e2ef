import { type Document, resolve, type Schema } from './document.js';

/** What a schema lets through, with pointers followed and its parts put together. */
export interface Shape {
  /** Null: any. */
  types: ReadonlySet<string> | null;
  values: ReadonlySet<unknown> | null;
  fields: ReadonlyMap<string, Schema>;
  required: ReadonlySet<string>;
  items: Schema | null;
  /** Of fields that have no name here. */
  others: Schema | null;
  bounds: Bounds;
}

export const UPPER = ['maximum', 'maxLength'] as const;
export const LOWER = ['minimum', 'minLength'] as const;
type Bounds = Pick<Schema, (typeof UPPER | typeof LOWER)[number] | 'pattern'>;

export function shapeOf(document: Document, given: Schema): Shape {
  const schema = resolve(document, given);
  const choices = (schema.oneOf ?? schema.anyOf ?? []).map((one) => shapeOf(document, one));
  const parts = [...(schema.allOf ?? []).map((one) => shapeOf(document, one)), ...choices];
  const own = typeof schema.type === 'string' ? [schema.type] : schema.type;
  const { maximum, maxLength, minimum, minLength, pattern } = schema;
  const { additionalProperties: others } = schema;
  return {
    types: own ? new Set(own) : unionOf(parts.map(({ types }) => types)),
    values: schema.enum ? new Set(schema.enum) : unionOf(parts.map(({ values }) => values)),
    fields: new Map([
      ...parts.flatMap(({ fields }) => [...fields]),
      ...Object.entries(schema.properties ?? {}),
    ]),
    required: new Set([...parts.flatMap(({ required }) => [...required]), ...(schema.required ?? [])]),
    items: schema.items ?? parts.find(({ items }) => items)?.items ?? null,
    others: typeof others === 'object' ? others : null,
    bounds: withoutAbsent({ maximum, maxLength, minimum, minLength, pattern }),
  };
}

function unionOf<T>(sets: readonly (ReadonlySet<T> | null)[]): ReadonlySet<T> | null {
  const told = sets.filter((set) => set !== null);
  return told.length === 0 ? null : new Set(told.flatMap((set) => [...set]));
}

function withoutAbsent(bounds: { [K in keyof Bounds]: Bounds[K] | undefined }): Bounds {
  return Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== undefined));
}
