import { DomainError, type Fault } from '#observability';

/** A program that the operator lets plans run. The field names are those of the operator's JSON file. */
export interface CommandProfile {
  /** An absolute path, or a name to be found on PATH. */
  command: string;
  /** Come before the arguments of the plan. */
  fixed_args?: string[];
  env?: Record<string, string>;
  /** Names of the worker's own variables that the program gets to see. */
  pass_env?: string[];
  timeout_seconds?: number;
  /** Kept of each of standard output and standard error. */
  max_output_bytes?: number;
  /** A regular expression that each argument of the plan must match as a whole. */
  args_pattern?: string;
  /** Whether a language model may draft steps that use it. People may in any case. */
  drafting?: boolean;
}

export type CommandProfiles = Readonly<Record<string, CommandProfile>>;

export class CommandProfilesInvalid extends DomainError {
  constructor(faults: readonly Fault[]) {
    const places = faults.map(({ pointer, detail }) => `${pointer || '/'} ${detail}`).join('; ');
    super('COMMAND_PROFILES_INVALID', `The command profiles are refused: ${places}.`, {}, faults);
  }
}

const PROFILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_TIMEOUT_SECONDS = 86_400;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string' && value !== '' && !value.includes('\0');
const isArgument: Check = (value) => typeof value === 'string' && !value.includes('\0');
const isVariable: Check = (value) => typeof value === 'string' && VARIABLE_NAME.test(value);
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isWhole =
  (most: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most;

/** What each field must be, and how its fault is told. */
const FIELDS: Readonly<Record<keyof CommandProfile, readonly [check: Check, detail: string]>> = {
  command: [isText, 'must be the name or path of a program'],
  fixed_args: [isListOf(isArgument), 'must be a list of texts'],
  env: [
    (value) =>
      isObject(value) && Object.keys(value).every(isVariable) && Object.values(value).every(isArgument),
    'must be an object of variable names and texts',
  ],
  pass_env: [isListOf(isVariable), 'must be a list of variable names'],
  timeout_seconds: [
    isWhole(MAX_TIMEOUT_SECONDS),
    `must be a whole number from 1 to ${String(MAX_TIMEOUT_SECONDS)}`,
  ],
  max_output_bytes: [isWhole(1_073_741_824), 'must be a whole number from 1 to 1073741824'],
  args_pattern: [isPattern, 'must be a regular expression'],
  drafting: [(value) => typeof value === 'boolean', 'must be true or false'],
};

/** Reads the operator's profiles; refuses with every fault named by its place. */
export function parseCommandProfiles(json: unknown): Record<string, CommandProfile> {
  const faults: Fault[] = [];
  if (!isObject(json))
    throw new CommandProfilesInvalid([{ pointer: '', detail: 'must be an object of profiles' }]);
  for (const [name, profile] of Object.entries(json)) {
    const at = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!PROFILE_NAME.test(name)) {
      faults.push({
        pointer: at,
        detail: 'must be named by up to 64 letters, digits, dots, dashes, underscores',
      });
    }
    faults.push(...profileFaults(profile, at));
  }
  if (faults.length > 0) throw new CommandProfilesInvalid(faults);
  // Every field of every profile has just been checked.
  return structuredClone(json) as Record<string, CommandProfile>;
}

function profileFaults(profile: unknown, at: string): Fault[] {
  if (!isObject(profile)) return [{ pointer: at, detail: 'must be an object' }];
  const faults: Fault[] = [];
  if (!('command' in profile)) faults.push({ pointer: `${at}/command`, detail: 'is missing' });
  for (const [field, value] of Object.entries(profile)) {
    const rule = isField(field) ? FIELDS[field] : null;
    if (rule === null) faults.push({ pointer: `${at}/${field}`, detail: 'is no field of a profile' });
    else if (!rule[0](value)) faults.push({ pointer: `${at}/${field}`, detail: rule[1] });
  }
  return faults;
}

/** Whether the plan's arguments are ones that the operator lets pass. */
export function findRefusedArg(profile: CommandProfile, args: readonly string[]): number | null {
  const pattern = profile.args_pattern === undefined ? null : wholePattern(profile.args_pattern);
  const index = args.findIndex((arg) => arg.includes('\0') || (pattern !== null && !pattern.test(arg)));
  return index === -1 ? null : index;
}

function wholePattern(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'u');
}

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    // Also alone, or "a)|(b" would pass for being closed by what is put around it.
    return [new RegExp(value, 'u'), wholePattern(value)].length > 0;
  } catch {
    return false;
  }
}

function isField(name: string): name is keyof CommandProfile {
  return Object.hasOwn(FIELDS, name);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
