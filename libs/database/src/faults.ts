/** What an error says of itself; whose class it is depends on where it was made, so nobody asks for that. */
export interface Fault {
  code?: unknown;
  message?: unknown;
  constraint?: unknown;
  meta?: unknown;
}

export function isFault(error: unknown): error is Fault {
  return typeof error === 'object' && error !== null && 'message' in error;
}

/** Why the database cannot serve now, as a word that operators see: codes of PostgreSQL, of Node, of Prisma and its adapter. */
const UNAVAILABLE = {
  unreachable: [
    ...['ECONNREFUSED', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL'],
    ...['08001', '08004', 'P1001', 'DatabaseNotReachable'],
  ],
  name_not_found: ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA'],
  // 08P01: how PgBouncer says that it lost its server, or has none to give.
  connection_lost: [
    ...['ECONNRESET', 'ECONNABORTED', 'EPIPE', '08000', '08003', '08006', '08007', '08P01', 'P1017'],
    ...['ConnectionClosed', 'DATABASE_COMMIT_UNKNOWN'],
  ],
  tls_failed: [
    ...['EPROTO', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'P1011'],
    ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_NOT_YET_VALID'],
    ...['ERR_TLS_CERT_ALTNAME_INVALID', 'TlsConnectionError'],
  ],
  // 57014: the statement's own bound, or a cancel; 25P03 to 57P05: bounds on a transaction, on an idle session.
  timed_out: [
    ...['ETIMEDOUT', '57014', '25P03', '25P04', '57P05', 'P1002', 'P1008', 'P2024', 'P2028', 'SocketTimeout'],
  ],
  shutting_down: ['57P01'],
  crashed: ['57P02'],
  starting: ['57P03'],
  read_only: ['25006'],
  disk_full: ['53100'],
  out_of_memory: ['53200'],
  too_many_connections: ['53300', 'P2037'],
  out_of_resources: ['53000', '53400'],
  io_error: ['58030'],
} as const satisfies Record<string, readonly string[]>;

export type Cause = keyof typeof UNAVAILABLE;

/** Every word that {@link causeOf} can answer. */
// Object.keys forgets the names of the keys.
export const CAUSES = Object.keys(UNAVAILABLE) as readonly Cause[];

const CAUSE_OF_CODE: ReadonlyMap<string, Cause> = new Map(
  Object.entries(UNAVAILABLE).flatMap(([cause, codes]) =>
    // Object.entries forgets the names of the keys.
    codes.map((code): [string, Cause] => [code, cause as Cause]),
  ),
);

/** What node-postgres says without a code. */
const CAUSES_OF_MESSAGES: readonly [RegExp, Cause][] = [
  [
    /timeout exceeded when trying to connect|timeout expired|due to connection timeout|Query read timeout/,
    'timed_out',
  ],
  [/Connection terminated|is not queryable/i, 'connection_lost'],
  [/does not support SSL connections|establishing an SSL connection/, 'tls_failed'],
];

/** PgBouncer gives every refusal the same code. These are no outage: waiting will not mend them. */
const LASTING = /unsupported startup parameter|authentication failed|auth failed|no such (user|database)/i;

/** The waits for a row that others hold: 55P03 lock_timeout, 40P01 deadlock, 40001 serialization, P2034 Prisma's word. */
const BUSY = new Set(['55P03', '40P01', '40001', 'P2034']);
const TRANSIENT = new Set(['40P01', '40001', 'P2034']);

/** Why the database cannot serve now, in a word that tells no secret; null: the error says no such thing. */
export function causeOf(error: unknown): Cause | null {
  if (!isFault(error)) return null;
  const message = String(error.message);
  if (LASTING.test(message)) return null;
  for (const code of codesOf(error)) {
    const cause = CAUSE_OF_CODE.get(code);
    if (cause) return cause;
  }
  return CAUSES_OF_MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

/** Tells whether the database could not be reached or would not serve: the caller may come back later. */
export function isUnavailable(error: unknown): boolean {
  return causeOf(error) !== null;
}

/** Tells whether the database serves, but others held the rows for too long: the same again may well succeed. */
export function isBusy(error: unknown): boolean {
  return isFault(error) && codesOf(error).some((code) => BUSY.has(code));
}

/** Deadlocks and serialization failures: the transaction did nothing and may be tried again at once. */
export function isTransient(error: unknown): boolean {
  return isFault(error) && codesOf(error).some((code) => TRANSIENT.has(code));
}

/** Tells whether the client's own bound ended the wait: whatever answers on that connection is for somebody else. */
export function isUnanswered(error: unknown): boolean {
  return isFault(error) && error.message === 'Query read timeout';
}

/** The codes that an error carries: its own, and the database's where Prisma has wrapped it. */
export function codesOf(error: Fault): string[] {
  const cause = adapterCauseOf(error);
  return [error.code, cause?.originalCode, cause?.code, cause?.kind].filter(
    (code) => typeof code === 'string',
  );
}

/** What node-postgres told Prisma's adapter. A cause of any other error is not the database's. */
function adapterCauseOf(error: Fault): { originalCode?: unknown; code?: unknown; kind?: unknown } | null {
  const wrapped = isObject(error.meta) ? error.meta['driverAdapterError'] : error;
  if (!isObject(wrapped) || wrapped['name'] !== 'DriverAdapterError') return null;
  return isObject(wrapped['cause']) ? wrapped['cause'] : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
