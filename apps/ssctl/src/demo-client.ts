import type { JobStatus } from '#jobs';

export interface DemoJob {
  tenant_id: string;
  job_id: string;
  version: number;
  status: JobStatus;
  plan_id: string | null;
  trace_id: string;
  error: { code: string; message: string } | null;
}

export interface DemoDraft {
  version: number;
  status: string;
  revision?: number;
  source?: 'rules' | 'model' | 'rule_fallback' | 'client';
  error?: { code: string; message: string };
  text?: string;
  steps?: { step_id: string; type: string }[];
}

export interface DemoArtifact {
  rel_path: string;
  kind: string;
  bytes: number;
  sha256: string;
}

export interface DemoAuditEvent {
  occurred_at: string;
  actor_kind: string;
  actor_id: string;
  action: string;
  from_status: string | null;
  to_status: string | null;
  version: number | null;
}

export interface DemoRun {
  run_id: string;
  status: string;
  steps: { step_id: string; type: string; status: string; started_at: string; ended_at: string | null }[];
}

const REQUEST_MS = 90_000;

/** A client as anyone would write one: fetch, a key, JSON. */
export class DemoClient {
  /** The trace of the first answer: so all that is done for the job is one. */
  private traceparent: string | null = null;

  constructor(
    private readonly api: string,
    private readonly key: string,
  ) {}

  async get<T>(path: string, headers: Record<string, string> = {}): Promise<T> {
    return this.send<T>('GET', path, headers);
  }

  async post<T>(path: string, body: FormData | object, headers: Record<string, string> = {}): Promise<T> {
    return body instanceof FormData
      ? this.send<T>('POST', path, headers, body)
      : this.send<T>('POST', path, { 'Content-Type': 'application/json', ...headers }, JSON.stringify(body));
  }

  async download(path: string): Promise<Buffer> {
    const response = await this.fetch('GET', path, {});
    return Buffer.from(await response.arrayBuffer());
  }

  private async send<T>(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: FormData | string,
  ): Promise<T> {
    const response = await this.fetch(method, path, headers, body);
    // The shapes above are what the API promises; the demo is there to see whether it keeps them.
    return (await response.json()) as T;
  }

  private async fetch(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: FormData | string,
  ): Promise<Response> {
    const response = await fetch(`${this.api}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.key}`,
        ...(this.traceparent === null ? {} : { traceparent: this.traceparent }),
        ...headers,
      },
      signal: AbortSignal.timeout(REQUEST_MS),
      ...(body === undefined ? {} : { body }),
    });
    this.traceparent ??= response.headers.get('traceparent');
    if (!response.ok)
      throw new Error(`${method} ${path} answered ${String(response.status)}: ${await response.text()}`);
    return response;
  }
}
