import type { JsonObject } from '../format/json.js';
import { Quarantined } from '../reasons.js';

const LISTS = ['runs', 'artifacts_index'] as const;

/** Version 2 always has its two lists. */
export function from1To2(document: JsonObject): JsonObject {
  const lifted: JsonObject = { ...document };
  for (const list of LISTS) {
    if (!Object.hasOwn(document, list)) lifted[list] = [];
    else if (!Array.isArray(document[list])) {
      throw new Quarantined('DOCUMENT_INVALID', [{ pointer: `/${list}`, detail: 'must be a list' }]);
    }
  }
  return lifted;
}
