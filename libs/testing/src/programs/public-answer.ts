import { CHECKOUT } from './checkout.js';
import type { Problem } from './problem.js';

export interface SeenAnswer {
  request: string;
  status: number;
  headers: Headers;
  bytes: Buffer;
}

/** What must never be in a refusal: where the host keeps things, stacks, SQL of ours, connection strings. */
const INSIDES = [
  CHECKOUT,
  /\bnode:internal|node_modules|\.[jt]s:\d+|^\s+at \w/m,
  /\b(?:INSERT INTO|UPDATE job|SELECT \*? ?FROM|DELETE FROM|RETURNING)\b/,
  /postgres(?:ql)?:\/\//,
  /ss-inspect-/,
];

/** The routes of the legacy service have its form of a refusal. */
const UNVERSIONED = /^\w+ \/jobs(?:[/?]|$)/;

/** Throws unless the answer has what every answer has, and, when it is a refusal, nothing of the inside. */
export function assertPublic({ request, status, headers, bytes }: SeenAnswer): void {
  const fault = (what: string): Error =>
    new Error(`${request} was answered ${String(status)} ${what}: ${bytes.toString('utf8').slice(0, 1_000)}`);
  if (!headers.get('x-ss-request-id')) throw fault('without X-SS-Request-Id');
  // A readiness probe that fails names what is missing, in the words of health checks.
  if (status < 400 || request.startsWith('GET /health/') || request.startsWith('HEAD ')) return;
  const text = bytes.toString('utf8');
  for (const inside of INSIDES) {
    if (typeof inside === 'string' ? text.includes(inside) : inside.test(text))
      throw fault(`with ${String(inside)} in it`);
  }
  if (UNVERSIONED.test(request)) {
    if (!/^{"error_code":"[A-Z][A-Z_]+","message":".+"}$/.test(text))
      throw fault('in another form than of old');
    return;
  }
  if (!headers.get('content-type')?.startsWith('application/problem+json')) throw fault('not as a problem');
  // Checked field by field on the next lines.
  const problem = JSON.parse(text) as Partial<Problem>;
  for (const field of ['type', 'title', 'detail', 'code', 'request_id'] as const) {
    if (typeof problem[field] !== 'string' || problem[field] === '') throw fault(`without ${field}`);
  }
  if (problem.status !== status) throw fault('with another status in its body');
  if (!/^[A-Z][A-Z_]+$/.test(problem.code ?? '')) throw fault('with a code of another form');
  if (problem.request_id !== headers.get('x-ss-request-id'))
    throw fault('with another request_id in its body');
}
