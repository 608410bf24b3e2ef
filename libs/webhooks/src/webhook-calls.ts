import { release } from '#observability';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { WebhookUrlRefused } from './refusals.js';
import { TargetRefused, type TargetPolicy } from './target-policy.js';
import type { CallError } from './webhook.js';
import { sign } from './webhook-secret.js';

/** What a call needs to know. */
export interface Call {
  url: string;
  deliveryId: string;
  /** Those that are valid now, the newest first. */
  secrets: readonly Buffer[];
  payload: unknown;
}

/** How a call ended: by an answer, or by what kept it from one. */
export type CallOutcome = { status: number; error: null } | { status: null; error: CallError };

/**
 * Makes calls. Nothing of an answer is read but its status, no redirect is followed, no connection is kept, and no call
 * takes longer than its limit.
 */
export class WebhookCalls {
  constructor(
    private readonly policy: TargetPolicy,
    private readonly timeoutMs: number,
  ) {}

  /** Throws only when `signal` is aborted. */
  async make(call: Call, signal: AbortSignal): Promise<CallOutcome> {
    const limit = AbortSignal.timeout(this.timeoutMs);
    try {
      return { status: await this.post(call, AbortSignal.any([signal, limit])), error: null };
    } catch (error) {
      signal.throwIfAborted();
      return { status: null, error: limit.aborted ? 'timed_out' : errorOf(error) };
    }
  }

  private async post(
    { url: text, deliveryId, secrets, payload }: Call,
    signal: AbortSignal,
  ): Promise<number> {
    // Again: the settings may have changed since the webhook was made.
    const url = this.policy.assertUrl(text);
    const body = JSON.stringify(payload);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      request(
        url,
        {
          method: 'POST',
          agent: false,
          signal,
          lookup: this.policy.lookupFor(url.protocol),
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'user-agent': `ss-webhooks/${release()}`,
            ...sign(secrets, `msg_${deliveryId}`, new Date(), body),
          },
        },
        (response) => {
          resolve(response.statusCode ?? 0);
          response.on('error', () => undefined).destroy();
        },
      )
        .on('error', reject)
        .end(body);
    });
  }
}

function errorOf(error: unknown): CallError {
  if (error instanceof TargetRefused || error instanceof WebhookUrlRefused) return 'target_refused';
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'name_unknown';
  if (code === 'ECONNREFUSED') return 'connection_refused';
  return /TLS|SSL|CERT|SELF_SIGNED|UNABLE_TO|EPROTO/.test(code) ? 'tls_failed' : 'connection_failed';
}
