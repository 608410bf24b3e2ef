import type { Document, Schema } from './document.js';
import { LOWER, type Shape, shapeOf, UPPER } from './shape.js';

/** Who sends it: of a request clients must not need more than before, of an answer they must not get less. */
export type Direction = 'request' | 'response';

interface Documents {
  before: Document;
  after: Document;
}

/** Schemas may hold themselves. */
const DEEPEST = 12;

/** How the schema of today fails a client of the one before: each a place in it and what is wrong there. */
export function breakingShapes(
  documents: Documents,
  direction: Direction,
  before: Schema,
  after: Schema,
  at = '',
  depth = 0,
): string[] {
  if (depth > DEEPEST) return [];
  const old = shapeOf(documents.before, before);
  const now = shapeOf(documents.after, after);
  const below = (place: string, one: Schema, other: Schema): string[] =>
    breakingShapes(documents, direction, one, other, `${at}${place}`, depth + 1);
  return [
    ...changedKinds(direction, old, now).map((fault) => `${at} ${fault}`),
    ...changedFields(direction, old, now).map((fault) => `${at}${fault}`),
    ...[...old.fields].flatMap(([name, schema]) => {
      const today = now.fields.get(name);
      return today ? below(`/${name}`, schema, today) : [];
    }),
    ...(old.items && now.items ? below('/*', old.items, now.items) : []),
    ...(old.others && now.others ? below('/*', old.others, now.others) : []),
  ];
}

function changedKinds(direction: Direction, old: Shape, now: Shape): string[] {
  const [inner, outer] = direction === 'request' ? [old, now] : [now, old];
  const faults: string[] = [];
  if (!isWithin(inner.types, outer.types, isTypeIn)) {
    faults.push(`was ${write(old.types)} and is ${write(now.types)}`);
  }
  if (!isWithin(inner.values, outer.values, (value, set) => set.has(value))) {
    faults.push(`was one of ${write(old.values)} and is one of ${write(now.values)}`);
  }
  if (direction === 'request') faults.push(...narrowedBounds(old, now));
  return faults;
}

/** What is null is everything. */
function isWithin<T>(
  inner: ReadonlySet<T> | null,
  outer: ReadonlySet<T> | null,
  isIn: (value: T, set: ReadonlySet<T>) => boolean,
): boolean {
  if (outer === null) return true;
  return inner !== null && [...inner].every((value) => isIn(value, outer));
}

function isTypeIn(type: string, types: ReadonlySet<string>): boolean {
  return types.has(type) || (type === 'integer' && types.has('number'));
}

function narrowedBounds({ bounds: old }: Shape, { bounds: now }: Shape): string[] {
  const faults: string[] = [];
  for (const bound of UPPER) if ((now[bound] ?? Infinity) < (old[bound] ?? Infinity)) faults.push(bound);
  for (const bound of LOWER) if ((now[bound] ?? -Infinity) > (old[bound] ?? -Infinity)) faults.push(bound);
  if (now.pattern !== undefined && now.pattern !== old.pattern) faults.push('pattern');
  return faults.map((bound) => `has a narrower ${bound}`);
}

function changedFields(direction: Direction, old: Shape, now: Shape): string[] {
  const gone = [...old.fields.keys()]
    .filter((name) => !now.fields.has(name))
    .map((name) => `/${name} is gone`);
  if (direction === 'request') {
    const asked = [...now.required].filter((name) => !old.required.has(name));
    return [...gone, ...asked.map((name) => `/${name} is required now`)];
  }
  const unsure = [...old.required].filter((name) => now.fields.has(name) && !now.required.has(name));
  return [...gone, ...unsure.map((name) => `/${name} may be left out now`)];
}

function write(set: ReadonlySet<unknown> | null): string {
  return set === null ? 'anything' : [...set].map(String).join(', ');
}
