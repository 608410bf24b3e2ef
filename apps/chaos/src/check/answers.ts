import type { Call } from '../load/call-log.js';

/** What the load's own calls may be answered beside 2xx: a job that has moved on, or a service that says "later". */
const RIGHT = new Set(['JOB_ALREADY_EXISTS', 'JOB_ILLEGAL_TRANSITION', 'JOB_VERSION_CONFLICT', 'JOB_LOCKED']);

const LATER = new Set([429, 503]);

/** An operation that begins so is wrong on purpose; its fault says what the answer has to be. */
export const WRONG = 'wrong: ';

/** Callers are never told of an internal error, and nothing that they did right is refused. */
export function checkAnswers(calls: readonly Call[]): string[] {
  const wrong = calls.filter(
    ({ operation, status, code }) =>
      status !== null &&
      status >= 400 &&
      !LATER.has(status) &&
      !RIGHT.has(code ?? '') &&
      (status >= 500 || !operation.startsWith(WRONG)),
  );
  const told = Map.groupBy(
    wrong,
    ({ operation, status, code }) => `${operation}: ${String(status)} ${String(code)}`,
  );
  return [...told].map(
    ([what, all]) => `answered ${what}, ${all.length} times (call ${String(all[0]?.seq)})`,
  );
}
