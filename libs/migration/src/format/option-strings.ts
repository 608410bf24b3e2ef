import type { Detail } from '../reasons.js';
import { isObject, type Json, type JsonObject } from './json.js';

/**
 * For five days the legacy service wrote the options of draft questions as texts; its later releases refuse those
 * files. A text `s` is the option `s`.
 */
export function repairOptionStrings(document: JsonObject): { document: JsonObject; repairs: Detail[] } {
  const { draft } = document;
  const questions = isObject(draft) ? draft['stage1_questions'] : undefined;
  if (!isObject(draft) || !Array.isArray(questions)) return { document, repairs: [] };
  const repairs: Detail[] = [];
  const repaired = questions.map((question, index) => {
    const options = isObject(question) ? question['options'] : undefined;
    if (!isObject(question) || !Array.isArray(options)) return question;
    if (!options.some((option) => typeof option === 'string')) return question;
    repairs.push({ reason: 'OPTION_STRINGS', pointer: `/draft/stage1_questions/${String(index)}/options` });
    return { ...question, options: options.map(optionOf) };
  });
  if (repairs.length === 0) return { document, repairs };
  return { document: { ...document, draft: { ...draft, stage1_questions: repaired } }, repairs };
}

function optionOf(option: Json): Json {
  return typeof option === 'string' ? { option_id: option, label: option, value: option } : option;
}
