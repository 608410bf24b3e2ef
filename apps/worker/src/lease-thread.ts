/**
 * The thread that renews the leases of a worker and says that the worker lives. It has an event loop and a connection
 * of its own: whatever keeps the main thread busy, a lease does not run out. But a main thread that does not turn for
 * {@link MAIN_SILENCE_MS} is taken for dead, and its leases are let go.
 */
import { Database, NotListening, type Scope, type Subscription } from '#database';
import { type Lease, RUN_ENDED_CHANNEL, Workers } from '#jobs';
import { createLogger, LogThreshold } from '#observability';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from './lease-messages.js';
import { monotonicMs, SharedClocks } from './shared-clocks.js';

const MAIN_SILENCE_MS = 120_000;
/** After a heartbeat that failed: leases are running out. */
const RETRY_MS = 1_000;
const FORGET_EVERY_BEATS = 360;
const LEAVE_MS = 2_000;

if (!parentPort) throw new Error('the lease thread runs inside a worker');
const main = parentPort;
// What LeaseKeeper, which alone starts this thread, gave it.
const data = workerData as LeaseThreadData;
const clocks = new SharedClocks(data.clocks);
const logger = createLogger({
  program: 'worker',
  level: new LogThreshold(data.logThreshold),
  look: data.logLook,
}).child({ worker_id: data.identity.workerId });
const database = new Database({
  url: data.url,
  directUrl: data.directUrl,
  role: data.role,
  applicationName: 'ss-worker-leases',
  poolSize: 1,
  // A heartbeat that takes longer than until the next one is of no use.
  statementTimeoutMs: Math.max(1_000, data.heartbeatMs),
  onError: (error) => {
    // The main thread says that for the whole program; here the heartbeat finds out what no notification tells.
    if (error instanceof NotListening) return;
    logger.warn({ event: 'SS_DATABASE_CONNECTION_FAULT', err: error }, 'a connection to the database failed');
  },
});
const scope: Scope = { actor: { kind: 'worker', id: data.identity.workerId }, source: 'worker' };
const workers = new Workers(database, scope, data.leaseMs);
const held = new Map<string, Lease>();
let wakeUp = new AbortController();
let stopping = false;

const tell = (message: FromLeaseThread): void => {
  main.postMessage(message);
};

main.on('message', (message: ToLeaseThread) => {
  switch (message.kind) {
    case 'keep':
      held.set(message.lease.runId, message.lease);
      break;
    case 'release':
      held.delete(message.runId);
      break;
    case 'stop':
      stopping = true;
      wakeUp.abort();
      break;
    case 'beat':
      wakeUp.abort();
      break;
    default:
      message satisfies never;
  }
});

const subscription: Subscription = database.listen(RUN_ENDED_CHANNEL, (runId) => {
  if (held.has(runId)) wakeUp.abort();
});

async function beat(): Promise<void> {
  const sentAt = monotonicMs();
  for (const { runId, held: isHeld, outcome } of await workers.beat(data.identity, [...held.values()])) {
    // Released meanwhile: it was settled.
    if (isHeld || !held.has(runId)) continue;
    held.delete(runId);
    tell({ kind: 'lost', runId, outcome });
  }
  clocks.renewedAt = sentAt;
}

/** True when the next beat may wait its full time. */
async function tryBeat(): Promise<boolean> {
  if (monotonicMs() - clocks.mainSeenAt > MAIN_SILENCE_MS) {
    logger.error(
      { event: 'SS_WORKER_MAIN_THREAD_SILENT', leases: held.size },
      'the main thread does not turn; its leases are not renewed',
    );
    return true;
  }
  try {
    await beat();
    return true;
  } catch (error) {
    logger.warn(
      { event: 'SS_WORKER_RENEWAL_FAILED', leases: held.size, err: error },
      'leases were not renewed',
    );
    return false;
  }
}

async function pause(ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: wakeUp.signal }).catch(() => undefined);
  if (wakeUp.signal.aborted) wakeUp = new AbortController();
}

let beats = 0;
while (!isStopping()) {
  const done = await tryBeat();
  if (beats % FORGET_EVERY_BEATS === 0) await workers.forgetTheDead().catch(() => undefined);
  beats += 1;
  if (!isStopping()) await pause(done ? data.heartbeatMs : Math.min(RETRY_MS, data.heartbeatMs));
}
await Promise.race([workers.leave(data.identity.workerId).catch(() => undefined), sleep(LEAVE_MS)]);
await subscription.close();
await database.close();
main.close();

/** A function, because the compiler does not see that a message changes the variable. */
function isStopping(): boolean {
  return stopping;
}
