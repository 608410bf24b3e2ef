import { isWellFormed, type FuzzRequest } from '../requests/request.js';
import type { Exchanged } from '../wire/exchange.js';
import type { Answer } from '../wire/read-answers.js';
import type { Sent } from '../wire/sent.js';
import { type DocumentedBodies, parsed } from './documented-bodies.js';

/** What an answer did that none may do. `kind` and the operation tell one fault from another. */
export interface Violation {
  kind: string;
  detail: string;
}

export interface Seen {
  request: FuzzRequest;
  sent: Sent;
  exchanged: Exchanged;
}

/** The API has no S3 here: it says so by a code that the document has. */
const SAYS_NO = new Set(['PRESIGN_UNSUPPORTED', 'EVENT_STREAMS_EXHAUSTED']);
const INSIDES = /\bnode:internal|node_modules|\.[jt]s:\d+|^\s+at \w|postgres(?:ql)?:\/\//m;
const SHOWN = 600;

/** Whatever was asked: this must hold. */
export function violationsOf(seen: Seen, bodies: DocumentedBodies, canaries: readonly string[]): Violation[] {
  const { request, exchanged } = seen;
  if (exchanged.isHanging) return [{ kind: 'hangs', detail: `no end after ${exchanged.ms.toFixed(0)} ms` }];
  if (exchanged.answers.length === 0)
    return isWellFormed(request) && !mayBeCutOff(seen)
      ? [{ kind: 'no answer', detail: 'the connection ended' }]
      : [];
  return exchanged.answers.flatMap((answer) => faultsOf(seen, answer, bodies, canaries));
}

/** A server that does not want to read more hangs up; what it wrote may be lost on the way. */
function mayBeCutOff({ sent }: Seen): boolean {
  return (
    (sent.body?.length ?? 0) > 60_000 || sent.headers.some(([name]) => /^(?:expect|upgrade)$/i.test(name))
  );
}

function faultsOf(
  { request, sent }: Seen,
  answer: Answer,
  bodies: DocumentedBodies,
  canaries: readonly string[],
): Violation[] {
  const { status, headers, body } = answer;
  const text = body.toString('utf8');
  const shown = text.slice(0, SHOWN);
  const found: Violation[] = [];
  const violate = (kind: string, detail = shown): void => {
    found.push({ kind, detail });
  };
  const code = codeOf(body);
  if (status === 0) violate('no HTTP');
  if (status >= 500 && !SAYS_NO.has(code)) violate(`${String(status)} ${code}`);
  if (!headers.has('x-ss-request-id') && reachesTheApi(request, answer)) violate('no X-SS-Request-Id');
  if (status >= 400 && INSIDES.test(text)) violate('tells of the inside');
  const all = `${text}\n${[...headers.values()].join('\n')}`;
  const asked = `${sent.address}\n${sent.body ?? ''}\n${sent.headers.map(([, value]) => value).join('\n')}`;
  if (request.asker !== 'platform')
    for (const canary of canaries)
      if (all.includes(canary) && !asked.includes(canary))
        violate('another tenant’s data', `${canary} in ${shown}`);
  const fault = formFault(request, answer, bodies);
  if (fault !== null)
    violate(
      `undocumented: ${fault.replaceAll(/\d+/g, 'N').slice(0, 80)}`,
      `${fault}\n    ${String(status)} ${shown}`,
    );
  return found;
}

/** What is wrong with the HTTP itself is answered before anyone looks at the route. */
function reachesTheApi({ manner }: FuzzRequest, { status }: Answer): boolean {
  return manner === 'plain' || ![400, 408, 413, 417, 431, 505].includes(status);
}

function formFault(request: FuzzRequest, answer: Answer, bodies: DocumentedBodies): string | null {
  const { status, headers, body } = answer;
  const contentType = headers.get('content-type') ?? '';
  // HEAD is answered as GET is, without the body.
  if (request.method === 'HEAD') return body.length === 0 ? null : 'a body in answer to HEAD';
  if (isWellFormed(request) && staysOnRoute(request, answer))
    return bodies.faultOf(request.route, status, contentType, body);
  if (status < 400 || !reachesTheApi(request, answer)) return null;
  const problem = parsed(body);
  const isOne =
    problem !== null && typeof problem === 'object' && ('code' in problem || 'error_code' in problem);
  return isOne ? null : 'a refusal that is no problem';
}

/** An address that was broken on purpose may lead elsewhere, or nowhere. */
function staysOnRoute({ address }: FuzzRequest, { body, status }: Answer): boolean {
  const code = codeOf(body);
  const path = address.split('?')[0] ?? '';
  const isOdd = /%(?![0-9a-f]{2})|%2f|%5c|%00|\/\/|\/\.\.?(?:\/|$)|%2e|\/$/i.test(path);
  return !(
    isOdd ||
    code === 'API_NOT_FOUND' ||
    code === 'URI_TOO_LONG' ||
    code === 'API_METHOD_NOT_ALLOWED' ||
    status === 431
  );
}

function codeOf(body: Buffer): string {
  const value = parsed(body);
  if (value === null || typeof value !== 'object') return '';
  const code = 'code' in value ? value.code : 'error_code' in value ? value.error_code : '';
  return typeof code === 'string' ? code : '';
}
