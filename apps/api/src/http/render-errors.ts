import { STEP_FAILURES } from '#execution';
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
  const failures = Object.entries(STEP_FAILURES).map(
    ([code, { retry, means }]) => `| \`${code}\` | ${retry ? 'yes' : 'no'} | ${means} |`,
  );
  return [
    INTRODUCTION,
    '## Refusals\n',
    '| code | status | means |\n|---|---|---|',
    ...refusals,
    '\n## How a step fails\n',
    'In `error` of a run and of its job, with the step. Retry: the same step on the same data may well succeed.\n',
    '| code | retry | means |\n|---|---|---|',
    ...failures,
    '',
  ].join('\n');
}
