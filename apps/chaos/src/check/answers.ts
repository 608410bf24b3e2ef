import type { Call } from '../load/call-log.js';

/** What the load's own calls may be answered beside 2xx: a job that has moved on, or a service that says "later". */
const RIGHT = new Set(['JOB_ALREADY_EXISTS', 'JOB_ILLEGAL_TRANSITION', 'JOB_VERSION_CONFLICT', 'JOB_LOCKED']);

/** Callers are never told of an internal error, and nothing that they did right is refused. */
export function checkAnswers(calls: readonly Call[]): string[] {
  const wrong = calls.filter(
    ({ status, code }) =>
      status !== null && status >= 400 && status !== 503 && status !== 429 && !RIGHT.has(code ?? ''),
  );
  const told = Map.groupBy(
    wrong,
    ({ operation, status, code }) => `${operation}: ${String(status)} ${String(code)}`,
  );
  return [...told].map(
    ([what, all]) => `answered ${what}, ${all.length} times (call ${String(all[0]?.seq)})`,
  );
}
