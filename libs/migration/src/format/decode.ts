import { type Detail, Quarantined } from '../reasons.js';
import { isObject, type JsonObject } from './json.js';
import { JsonFault, parseJson } from './parse-json.js';

// `ignoreBOM` means: leave it in the text, so that it can be noticed.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object in the bytes of a file. Throws `Quarantined`. */
export function decode(bytes: Uint8Array): { document: JsonObject; repairs: Detail[] } {
  let text = textOf(bytes);
  const repairs: Detail[] = [];
  if (text.startsWith('\ufeff')) {
    repairs.push({ reason: 'BOM_REMOVED' });
    text = text.slice(1);
  }
  const parsed = parse(text);
  if (!isObject(parsed.value)) throw new Quarantined('NOT_AN_OBJECT');
  return { document: parsed.value, repairs: [...repairs, ...parsed.repairs] };
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Quarantined('ENCODING_INVALID');
  }
}

function parse(text: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(text);
  } catch (fault) {
    if (fault instanceof JsonFault) throw new Quarantined(fault.reason, [{ detail: fault.message }]);
    throw fault;
  }
}
