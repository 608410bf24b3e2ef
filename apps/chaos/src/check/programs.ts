import type { Program } from '../deployment/program.js';

/** Programs whose end was looked at already. */
const seen = new WeakSet<Program>();
const MAX_LINE = 400;

/** What no program may do whatever is done to it: end unasked, end badly, call for a person. */
export function checkPrograms(programs: readonly Program[], expected: readonly RegExp[]): string[] {
  return programs.flatMap((program) => {
    const grave = program.log
      .takeGrave()
      .filter((line) => !expected.some((pattern) => pattern.test(line)))
      .map((line) => `${program.name} logged an error: ${line.slice(0, MAX_LINE)}`);
    return [...new Set(grave.map(withoutTimes)), ...endOf(program)];
  });
}

function endOf(program: Program): string[] {
  if (program.end === null || seen.has(program)) return [];
  seen.add(program);
  const { code, signal } = program.end;
  const how = signal ?? `code ${String(code)}`;
  if (!program.isAsked) return [`${program.name} ended by itself (${how})`];
  return code === 0 || signal === 'SIGKILL' ? [] : [`${program.name} was asked to end and ended with ${how}`];
}

/** The same line many times is one fault. */
const withoutTimes = (line: string): string => line.replaceAll(/"time":"[^"]*",?/g, '');
