import type { Instant } from '#database';

/** Where a tenant wants to be told. Its secret is shown when it is made, and never again. */
export interface Webhook {
  webhook_id: string;
  url: string;
  /** `job.failed`, or all of a kind: `step.*`. */
  types: string[];
  description: string | null;
  created_at: Instant;
  /** Until when deliveries carry a signature by the secret before the last rotation as well. */
  old_secret_until: Instant | null;
  failing_since: Instant | null;
  disabled_at: Instant | null;
  disabled_because: DisabledBecause | null;
}

/** Every call has failed for too long; or the target said 410, that it is gone for good. */
export type DisabledBecause = 'failing' | 'gone';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** What went wrong with a call that got no answer. */
export const CALL_ERRORS = [
  'target_refused',
  'name_unknown',
  'connection_refused',
  'connection_failed',
  'tls_failed',
  'timed_out',
] as const;
export type CallError = (typeof CALL_ERRORS)[number];

/** One call that is owed, or was made. */
export interface Delivery {
  delivery_id: string;
  webhook_id: string;
  /** Null: a test. */
  event_id: number | null;
  type: string;
  status: DeliveryStatus;
  attempts: number;
  created_at: Instant;
  next_at: Instant | null;
  ended_at: Instant | null;
  response_status: number | null;
  error_code: CallError | null;
}
