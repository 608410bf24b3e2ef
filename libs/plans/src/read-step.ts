import { FieldReader } from './field-reader.js';
import type { Json } from './plain-json.js';
import { quoted } from './plan-faults.js';
import type { PlanLimits } from './plan-limits.js';
import { STEP_TYPES, type Step, type StepType } from './plan.js';
import { STEP_PARAMS, type AnyTypedParams, type ParamsContext } from './step-params.js';

const KEYS = ['step_id', 'type', 'params', 'depends_on', 'timeout_seconds', 'produces', 'purpose'];

/** A step's id becomes a table and a file, so it is a name that both can carry without quotes. */
const STEP_ID = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** One step by itself; null when it cannot be used, and then `faults` says why. `context.at` is the step's place. */
export function readStep(value: Json, context: ParamsContext): Step | null {
  const { at, faults, limits } = context;
  const fields = FieldReader.over(value, at, faults, KEYS);
  if (fields === null) return null;
  const stepId = readStepId(fields);
  const typed = readTyped(fields, context);
  const optional = readOptional(fields, limits);
  return stepId === null || typed === null ? null : { step_id: stepId, ...typed, ...optional };
}

function readStepId(fields: FieldReader): string | null {
  const id = fields.text('step_id', {});
  if (id === null || STEP_ID.test(id)) return id;
  return fields.refuse('step_id', 'must be a letter, then at most 63 letters, digits or underscores');
}

function readTyped(fields: FieldReader, context: ParamsContext): AnyTypedParams | null {
  const name = fields.text('type', {});
  if (name === null) return null;
  const type = STEP_TYPES.find((known) => known === name);
  if (type === undefined) {
    return fields.refuse('type', `${quoted(name)} is no type of step; types: ${STEP_TYPES.join(', ')}`);
  }
  return readParams(type, fields, { ...context, at: `${context.at}/params` });
}

function readParams(type: StepType, fields: FieldReader, context: ParamsContext): AnyTypedParams | null {
  const rule = STEP_PARAMS[type];
  const params = FieldReader.over(fields.value('params'), context.at, context.faults, rule.keys);
  return params === null ? null : rule.read(params, context);
}

type Optional = Pick<Step, 'depends_on' | 'timeout_seconds' | 'produces' | 'purpose'>;

/** Keys that are absent stay absent: a null or a default of ours would change the plan's id. */
function readOptional(fields: FieldReader, limits: PlanLimits): Optional {
  const optional: Optional = {};
  if (fields.has('depends_on')) {
    const ids = fields.distinctTexts('depends_on', limits.steps, () => null);
    if (ids !== null) optional.depends_on = ids;
  }
  if (fields.has('timeout_seconds')) {
    const seconds = fields.integer('timeout_seconds', 1, limits.timeoutSeconds);
    if (seconds !== null) optional.timeout_seconds = seconds;
  }
  if (fields.has('produces')) {
    const paths = fields.distinctTexts('produces', limits.produces, (path) =>
      pathFault(path, limits.pathChars),
    );
    if (paths !== null) optional.produces = paths;
  }
  if (fields.has('purpose')) {
    const purpose = fields.text('purpose', { chars: limits.purposeChars });
    if (purpose !== null) optional.purpose = purpose;
  }
  return optional;
}

/** What keeps this from being a relative path that stays inside its folder, on any system. */
function pathFault(path: string, maxChars: number): string | null {
  if (path.length > maxChars) return `must have at most ${maxChars} characters`;
  if (/[\p{Cc}\\:]/u.test(path)) return 'must not contain a backslash, a colon or a control character';
  const inside = path
    .split('/')
    .every((segment) => segment.trim() !== '' && segment !== '.' && segment !== '..');
  return inside ? null : 'must be a relative path without empty, "." or ".." segments';
}
