import { randomBytes } from 'node:crypto';
import { Webhook as Signer } from 'standardwebhooks';

const SECRET_BYTES = 32;
const PREFIX = 'whsec_';

export function newSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** As receivers get it, once. */
export function secretText(secret: Buffer): string {
  return PREFIX + secret.toString('base64');
}

export interface SignedHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/** By Standard Webhooks: one signature for each secret that is valid now. */
export function sign(secrets: readonly Buffer[], messageId: string, at: Date, body: string): SignedHeaders {
  return {
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets
      .map((secret) => new Signer(secret.toString('base64')).sign(messageId, at, body))
      .join(' '),
  };
}
