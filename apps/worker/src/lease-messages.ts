import type { ProgramRole } from '#database';
import type { Lease, RunOutcome, WorkerIdentity } from '#jobs';
import type { LogLook } from '#observability';

/** What the thread that keeps the leases is started with. */
export interface LeaseThreadData {
  url: string;
  directUrl: string;
  role: ProgramRole;
  identity: WorkerIdentity;
  leaseMs: number;
  heartbeatMs: number;
  /** Shared as well, see `LogThreshold`. */
  logThreshold: SharedArrayBuffer;
  logLook: LogLook;
  /** Shared with the main thread, see `SharedClocks`. */
  clocks: SharedArrayBuffer;
}

/** From the main thread: begin or cease to keep a lease, beat now, or stop. */
export type ToLeaseThread =
  { kind: 'keep'; lease: Lease } | { kind: 'release'; runId: string } | { kind: 'beat' } | { kind: 'stop' };

/** To the main thread: a run whose lease is gone, and how it ended if somebody ended it. */
export type FromLeaseThread =
  { kind: 'lost'; runId: string; outcome: RunOutcome | null } | { kind: 'stopped' };
