import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './generated/v1.js';
import type {
  Artifact,
  AuditEvent,
  Confirmation,
  Draft,
  Job,
  NewFile,
  NewJob,
  Run,
  Wait,
} from './job-shapes.js';
import { RepeatingFetch, type RepeatOptions } from './repeating-fetch.js';
import { SsProblem } from './ss-problem.js';

export interface ClientOptions {
  /** Where the API answers, such as `https://ss.example`. */
  url: string;
  /** An API key, or an access token. */
  key: string;
  /** Sent with every request, such as `traceparent`. */
  headers?: Readonly<Record<string, string>>;
  repeats?: Partial<RepeatOptions>;
  /** Instead of the one of the platform. */
  fetch?: (request: Request) => Promise<Response>;
}

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

const WAIT_MS = 10 * 60_000;
/** What the API holds an answer for at most. */
const LONGEST_WAIT_SECONDS = 60;
const AFTER_AN_EARLY_ANSWER_MS = 200;
const ENDED: ReadonlySet<Job['status']> = new Set(['succeeded', 'failed', 'cancelled']);

/** A client of SS. Its methods give what was asked for, or throw `SsProblem`; `api` reaches every route. */
export class SsClient {
  /** Every route, by its address: `client.api.GET('/v1/jobs', …)` gives `{ data, error, response }`. */
  readonly api: Client<paths>;

  constructor({ url, key, headers = {}, repeats, fetch }: ClientOptions) {
    this.api = createClient<paths>({
      baseUrl: url,
      headers: { ...headers, authorization: `Bearer ${key}` },
      fetch: new RepeatingFetch(fetch, repeats).send,
    });
  }

  async createJob(job: NewJob): Promise<Job> {
    return dataOf(await this.api.POST('/v1/jobs', { body: job }));
  }

  async job(jobId: string): Promise<Job> {
    return dataOf(await this.api.GET('/v1/jobs/{job_id}', { params: { path: { job_id: jobId } } }));
  }

  /** Adds datasets to the job. */
  async upload(jobId: string, files: readonly NewFile[]): Promise<void> {
    const form = new FormData();
    for (const { role, name, content } of files) {
      form.append('role', role);
      form.append('file', content instanceof Blob ? content : new Blob([plain(content)]), name);
    }
    const answer = await this.api.POST('/v1/jobs/{job_id}/inputs', {
      params: { path: { job_id: jobId } },
      // The document names the parts; the form says in which order they come.
      body: {} as never,
      bodySerializer: () => form,
    });
    dataOf(answer);
  }

  /** Asks for a draft and waits until it is ready, or has failed. */
  async draft(jobId: string, wait: Wait = {}): Promise<Draft> {
    const params = { path: { job_id: jobId } };
    const asked = dataOf(await this.api.POST('/v1/jobs/{job_id}/draft', { params, body: {} }));
    if (asked.status !== 'pending') return asked;
    return held(wait, 'the draft', async (headers, signal) => {
      const draft = dataOf(await this.api.GET('/v1/jobs/{job_id}/draft', { params, headers, signal }));
      return draft.status === 'pending' ? null : draft;
    });
  }

  /** Freezes the plan and queues the job. */
  async confirm(jobId: string, { version, draftRevision, notes, hold }: Confirmation = {}): Promise<Job> {
    const answer = await this.api.POST('/v1/jobs/{job_id}/confirm', {
      params: { path: { job_id: jobId } },
      headers: version === undefined ? {} : { 'if-match': `"${String(version)}"` },
      body: {
        ...(draftRevision === undefined ? {} : { draft_revision: draftRevision }),
        ...(notes === undefined ? {} : { notes }),
        ...(hold === undefined ? {} : { hold }),
      },
    });
    return dataOf(answer);
  }

  async cancel(jobId: string, reason: string): Promise<Job> {
    const params = { path: { job_id: jobId } };
    return dataOf(await this.api.POST('/v1/jobs/{job_id}/cancel', { params, body: { reason } }));
  }

  /** Waits until the job has ended, whichever way: the API holds its answers (`Prefer: wait`), so nothing is polled. */
  async ended(jobId: string, wait: Wait = {}): Promise<Job> {
    const params = { path: { job_id: jobId } };
    return held(wait, 'the job', async (headers, signal) => {
      const job = dataOf(await this.api.GET('/v1/jobs/{job_id}', { params, headers, signal }));
      return ENDED.has(job.status) ? job : null;
    });
  }

  async artifacts(jobId: string): Promise<Artifact[]> {
    const params = { path: { job_id: jobId } };
    return dataOf(await this.api.GET('/v1/jobs/{job_id}/artifacts', { params })).items;
  }

  /** The bytes of an artifact, by the `rel_path` that the list tells. */
  async artifact(jobId: string, relPath: string): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await this.api.GET('/v1/jobs/{job_id}/artifacts/{path}', {
      params: { path: { job_id: jobId, path: relPath } },
      parseAs: 'arrayBuffer',
      // Its slashes are parts of the address.
      pathSerializer: (address) =>
        address
          .replace('{job_id}', encodeURIComponent(jobId))
          .replace('{path}', relPath.split('/').map(encodeURIComponent).join('/')),
    });
    return new Uint8Array(dataOf<ArrayBuffer>(answer));
  }

  async runs(jobId: string): Promise<Run[]> {
    const params = { path: { job_id: jobId } };
    return dataOf(await this.api.GET('/v1/jobs/{job_id}/runs', { params })).items;
  }

  async audit(jobId: string): Promise<AuditEvent[]> {
    const params = { path: { job_id: jobId } };
    return pages(async (cursor) =>
      dataOf(await this.api.GET('/v1/jobs/{job_id}/audit', { params: { ...params, query: cursor } })),
    );
  }
}

/** What was answered; throws what was refused. */
function dataOf<Data>({ data, error, response }: Answer<Data>): Data {
  if (!response.ok) throw SsProblem.of(response, error);
  // Of an answer that is no refusal, `data` is the body.
  return data as Data;
}

async function pages<Item>(
  page: (query: { cursor?: string }) => Promise<{ items: Item[]; next_cursor: string | null }>,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const read = await page(cursor === null ? {} : { cursor });
    items.push(...read.items);
    cursor = read.next_cursor;
  } while (cursor !== null);
  return items;
}

/** Asks again and again, each time held by the API, until there is something. */
async function held<Seen>(
  { limitMs = WAIT_MS, signal }: Wait,
  what: string,
  ask: (headers: { prefer: string }, signal: AbortSignal | null) => Promise<Seen | null>,
): Promise<Seen> {
  const end = performance.now() + limitMs;
  for (;;) {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1_000));
    const seconds = Math.min(LONGEST_WAIT_SECONDS, left);
    const seen = await ask({ prefer: `wait=${String(seconds)}` }, signal ?? null);
    if (seen !== null) return seen;
    if (left === 0) throw new Error(`${what} has not ended within ${String(limitMs)} ms`);
    // An API that is leaving holds nothing.
    await new Promise((resolve) => setTimeout(resolve, AFTER_AN_EARLY_ANSWER_MS));
  }
}

/** A Blob takes no memory that threads share. */
function plain(content: string | Uint8Array): string | Uint8Array<ArrayBuffer> {
  return typeof content === 'string' ? content : new Uint8Array(content);
}
