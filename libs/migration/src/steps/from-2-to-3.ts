import { ExactNumber } from '../format/exact-number.js';
import type { Json, JsonObject } from '../format/json.js';
import { Quarantined } from '../reasons.js';

/** Version 3 counts its saves in `version`; one that is there already is kept. */
export function from2To3(document: JsonObject): JsonObject {
  const { version } = document;
  if (version === undefined || version === null) return { ...document, version: 1 };
  const counts = version === true || (typeof version === 'number' ? version >= 1 : isBigInteger(version));
  if (counts) return document;
  throw new Quarantined('DOCUMENT_INVALID', [
    { pointer: '/version', detail: 'must be an integer of at least 1' },
  ]);
}

function isBigInteger(version: Json): boolean {
  return version instanceof ExactNumber && version.isInteger && !version.text.startsWith('-');
}
