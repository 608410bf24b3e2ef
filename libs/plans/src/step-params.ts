import type { FieldReader } from './field-reader.js';
import { isObject } from './plain-json.js';
import { quoted, type PlanFaults } from './plan-faults.js';
import type { PlanLimits } from './plan-limits.js';
import type { Step, StepType } from './plan.js';
import { refuseRemoteData } from './remote-data.js';

export interface ParamsContext {
  /** Pointer of the params object. */
  at: string;
  faults: PlanFaults;
  limits: PlanLimits;
  /** The operator's profiles; null where they are not known, and then any name passes. */
  commandProfiles: readonly string[] | null;
}

/** The fields that make a step of one type what it is. */
type TypedParams<T extends StepType> = Pick<Extract<Step, { type: T }>, 'type' | 'params'>;

/** What `STEP_PARAMS` reads, of whichever type. */
export type AnyTypedParams = { [T in StepType]: TypedParams<T> }[StepType];

interface ParamsRule<T extends StepType> {
  keys: readonly string[];
  read(params: FieldReader, context: ParamsContext): TypedParams<T> | null;
}

/** What the params of each type of step may hold: a new type is a line here and one in plan.ts. */
export const STEP_PARAMS: { readonly [T in StepType]: ParamsRule<T> } = {
  sql: { keys: ['sql'], read: readSql },
  chart: { keys: ['step', 'spec'], read: readChart },
  command: { keys: ['profile', 'args'], read: readCommand },
  noop: { keys: [], read: () => ({ type: 'noop', params: {} }) },
};

function readSql(params: FieldReader, { limits }: ParamsContext): TypedParams<'sql'> | null {
  const sql = params.text('sql', { bytes: limits.sqlBytes });
  return sql === null ? null : { type: 'sql', params: { sql } };
}

/** Whether the step that it draws exists is asked later, when all steps are known. */
function readChart(params: FieldReader, { at, faults }: ParamsContext): TypedParams<'chart'> | null {
  const step = params.text('step', {});
  const spec = params.value('spec');
  if (!isObject(spec)) return params.refuse('spec', 'must be a Vega-Lite spec, which is an object');
  refuseRemoteData(spec, `${at}/spec`, faults);
  return step === null ? null : { type: 'chart', params: { step, spec } };
}

function readCommand(params: FieldReader, context: ParamsContext): TypedParams<'command'> | null {
  const { limits, commandProfiles } = context;
  const profile = params.text('profile', { chars: limits.profileChars });
  if (profile !== null && commandProfiles !== null && !commandProfiles.includes(profile)) {
    params.refuse('profile', `${quoted(profile)} is no command profile of this installation`);
  }
  const args = params.texts('args', limits.args, (arg) =>
    Buffer.byteLength(arg) > limits.argBytes ? `must have at most ${limits.argBytes} bytes` : null,
  );
  return profile === null || args === null ? null : { type: 'command', params: { profile, args } };
}
