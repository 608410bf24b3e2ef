import { RUN_FAILURES } from '#jobs';
import { ERROR_CODES, isErrorCode } from '#observability';
import { STATUSES } from './statuses.js';

const INTRODUCTION = `# Error codes

Made from the code by \`npm run docs\`; a test fails when the two differ.

Every refusal is a Problem Details body (RFC 9457, \`application/problem+json\`) with \`type, title, status, detail, code,
request_id\`, the facts of the case, and for wrong fields \`errors: [{pointer, detail}]\`. Rely on \`code\`: it never changes
its meaning. \`detail\` is for people.
`;

/** The text of `docs/errors.md`. */
export function renderErrors(): string {
  const refusals = Object.entries(ERROR_CODES).map(([code, means]) => {
    return `| \`${code}\` | ${isErrorCode(code) ? String(STATUSES[code]) : ''} | ${means} |`;
  });
  const failures = Object.entries(RUN_FAILURES).map(
    ([code, { retry, means }]) => `| \`${code}\` | ${retry ? 'yes' : 'no'} | ${means} |`,
  );
  return [
    INTRODUCTION,
    '## Refusals\n',
    '| code | status | means |\n|---|---|---|',
    ...refusals,
    '\n## How a run fails\n',
    'In `error` of a run and of its job, with the step if one failed. Retry: the same plan on the same data may well',
    'succeed, so it is tried again (`SS_WORKER_MAX_ATTEMPTS`); a plan may name further codes in `retry.codes`.\n',
    '| code | retry | means |\n|---|---|---|',
    ...failures,
    '',
  ].join('\n');
}
