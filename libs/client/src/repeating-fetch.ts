export interface RepeatOptions {
  /** How often a request is sent at most. */
  attempts: number;
  /** Doubles with every attempt; half of it is chance. */
  firstPauseMs: number;
  maxPauseMs: number;
  /** Of one attempt, a wait that the request asks for not counted. */
  attemptLimitMs: number;
}

const DEFAULTS: RepeatOptions = {
  attempts: 4,
  firstPauseMs: 200,
  maxPauseMs: 10_000,
  attemptLimitMs: 30_000,
};

type Fetch = (request: Request) => Promise<Response>;

const KEY = 'idempotency-key';
/** The API is busy, restarting, or asks for patience. */
const LATER = new Set([429, 502, 503, 504]);

/**
 * `fetch` that sends a request again when no answer came, or one that says "later". Every POST is given an
 * Idempotency-Key, the same for all its attempts: it is done once, however often it arrives. What could be done twice
 * (a PATCH, a DELETE) is sent once.
 */
export class RepeatingFetch {
  private readonly options: RepeatOptions;

  constructor(
    private readonly inner: Fetch = (request) => fetch(request),
    options: Partial<RepeatOptions> = {},
  ) {
    this.options = { ...DEFAULTS, ...options };
  }

  readonly send = async (given: Request): Promise<Response> => {
    const request = withKey(given);
    const attempts = isRepeatable(request) ? this.options.attempts : 1;
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= attempts;
      let asked: number | null = null;
      try {
        const response = await this.attempt(isLast ? request : request.clone());
        if (isLast || !(await isLater(response, attempt))) return response;
        asked = retryAfterMs(response);
        await response.body?.cancel();
      } catch (error) {
        if (isLast || request.signal.aborted) throw error;
      }
      await pause(Math.max(asked ?? 0, this.pauseMs(attempt)), request.signal);
    }
  };

  private async attempt(request: Request): Promise<Response> {
    const limitMs = this.options.attemptLimitMs + waitMsOf(request);
    const limit = AbortSignal.timeout(limitMs);
    return this.inner(new Request(request, { signal: AbortSignal.any([request.signal, limit]) }));
  }

  private pauseMs(attempt: number): number {
    const { firstPauseMs, maxPauseMs } = this.options;
    return Math.min(maxPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
  }
}

function withKey(request: Request): Request {
  if (request.method !== 'POST' || request.headers.has(KEY)) return request;
  const keyed = new Request(request);
  keyed.headers.set(KEY, crypto.randomUUID());
  return keyed;
}

function isRepeatable({ method, headers }: Request): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && headers.has(KEY));
}

async function isLater(response: Response, attempt: number): Promise<boolean> {
  if (LATER.has(response.status)) return true;
  // The attempt before this one is still being carried out: its answer is the one to wait for.
  if (response.status !== 409 || attempt === 1) return false;
  const text = await response.clone().text();
  return text.includes('IDEMPOTENCY_KEY_IN_PROGRESS');
}

function retryAfterMs(response: Response): number | null {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}

function waitMsOf({ headers }: Request): number {
  return Number(/\bwait=(\d+)/.exec(headers.get('prefer') ?? '')?.[1] ?? 0) * 1_000;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
