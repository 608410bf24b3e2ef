import { JOB_STATUSES } from '#jobs';
import type { Tenant } from '../deployment/deployment.js';
import type { Call, CallLog, SeenJob, Verdict } from './call-log.js';

export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  /** What the caller wants: the word of the log. */
  operation: string;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  jobId?: string | null;
  idempotencyKey?: string | null;
  limitMs?: number;
}

export interface Answer {
  call: Call;
  verdict: Verdict;
  status: number | null;
  code: string | null;
  headers: Headers;
  /** The JSON of the answer, if there was one. */
  body: Readonly<Record<string, unknown>>;
}

/** Longer than the API may take for anything. */
const LIMIT_MS = 25_000;

/** A client with a tenant's key. What it is answered, or not, goes to the log. */
export class ApiClient {
  constructor(
    readonly url: string,
    readonly tenant: Tenant,
    private readonly log: CallLog,
  ) {}

  async send(request: Request): Promise<Answer> {
    const begun = performance.now();
    const at = new Date().toISOString();
    const { status, headers, body, wasSent } = await this.fetch(request);
    const code = typeof body['code'] === 'string' ? body['code'] : null;
    const job = jobOf(body);
    const verdict = verdictOf(status, wasSent);
    const call = this.log.write({
      at,
      ms: Math.round(performance.now() - begun),
      tenant_id: this.tenant.tenantId,
      operation: request.operation,
      job_id: job?.job_id ?? request.jobId ?? null,
      idempotency_key: request.idempotencyKey ?? null,
      verdict,
      status,
      code,
      job,
    });
    return { call, verdict, status, code, headers, body };
  }

  private async fetch(request: Request): Promise<RawAnswer> {
    const { method, path, body, headers = {}, idempotencyKey, limitMs = LIMIT_MS } = request;
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.tenant.key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
          ...headers,
        },
        signal: AbortSignal.timeout(limitMs),
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parse(text), wasSent: true };
    } catch (error) {
      return { status: null, headers: new Headers(), body: {}, wasSent: !isConnectionRefused(error) };
    }
  }
}

interface RawAnswer {
  status: number | null;
  headers: Headers;
  body: Readonly<Record<string, unknown>>;
  wasSent: boolean;
}

/** An answer that says "no" is certain; a fault of the server, or silence, tells nothing of what was done. */
function verdictOf(status: number | null, wasSent: boolean): Verdict {
  if (status === null) return wasSent ? 'unknown' : 'unreached';
  if (status < 400) return 'acknowledged';
  return status < 500 ? 'refused' : 'unknown';
}

function isConnectionRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    // Checked on this line; its fields are looked at one by one.
    return parsed !== null && typeof parsed === 'object' ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function jobOf({ job_id, version, status }: Readonly<Record<string, unknown>>): SeenJob | null {
  if (typeof job_id !== 'string' || typeof version !== 'number' || typeof status !== 'string') return null;
  // A draft has a status too, of another kind.
  if (!JOB_STATUSES.some((known) => known === status)) return null;
  return { job_id, version, status };
}
