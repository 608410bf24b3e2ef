import { FolderArtifactStore } from '#artifacts';
import { AuditSeal, CheckpointFolder, openSigner } from '#audit';
import { JobLifecycle } from '#jobs';
import { FRONT, Queue } from '#queue';
import { NOOP_PLAN } from '#testing';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type BenchDatabase, onError, SCOPE } from '../place.js';
import type { Variant } from './variants.js';

/** A queue in which everybody stands where they come. */
class OrderOfArrival extends Queue {
  override takeTurn(): Promise<number> {
    return Promise.resolve(FRONT);
  }
}

/** Jobs with a plan, made, confirmed and queued by `connections` at once, as the API does. Answers jobs a second. */
export async function submit(
  place: BenchDatabase,
  folder: string,
  variant: Variant,
  { jobs, connections }: { jobs: number; connections: number },
): Promise<number> {
  const database = place.database('ss_api', connections);
  const queue = new (variant.turns ? Queue : OrderOfArrival)(database, SCOPE, { consumes: false, onError });
  await queue.start();
  const store = new FolderArtifactStore(join(folder, 'artifacts'));
  const lifecycle = new JobLifecycle(database, queue, store, []);
  await place.owner.query(`INSERT INTO tenant (tenant_id) VALUES ('one')`);
  const scope = { ...SCOPE, tenantId: 'one' };
  const done = new AbortController();
  const sealing = variant.sealing ? sealEverySecond(place, folder, done.signal) : Promise.resolve();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next++ < jobs) {
      const traceId = randomBytes(16).toString('hex');
      const request = { requirement: 'Nothing.', plan: NOOP_PLAN, confirm: true, traceId };
      await lifecycle.create(scope, request, null);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - begun) / 1_000;
  done.abort();
  await sealing;
  await queue.stop();
  return jobs / seconds;
}

/** Ten times as often as a worker does it when nothing else is said. */
async function sealEverySecond(place: BenchDatabase, folder: string, done: AbortSignal): Promise<void> {
  const signer = await openSigner(join(folder, 'signing-key.pem'));
  const checkpoints = new CheckpointFolder(join(folder, 'checkpoints'));
  const seal = new AuditSeal(place.database('ss_worker', 1), SCOPE, signer, checkpoints);
  while (!done.aborted) {
    await pause(1_000, undefined, { signal: done }).catch(() => undefined);
    await seal.seal();
  }
}
