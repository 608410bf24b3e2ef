import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment/deployment.js';
import type { ApiClient } from './load/api-client.js';
import type { CallLog } from './load/call-log.js';
import { type JobKind, PROBE_PLAN } from './load/job-kinds.js';
import type { Load } from './load/load.js';
import type { Random } from './random.js';

export interface Kill {
  workerId: string;
  at: number;
}

export interface TrialParts {
  /** Names this conduct of the fault: no two trials have the same. */
  name: string;
  deployment: Deployment;
  load: Load;
  clients: readonly ApiClient[];
  log: CallLog;
  random: Random;
  /** How much of the usual time and number to take: 1 for the long form. */
  scale: number;
}

/** Before everything else that waits. */
const FIRST = 1_000_000;
const LOOK_MS = 25;
const RECOVERY_LIMIT_MS = 90_000;

const PROBE: JobKind = { name: 'probe', ends: ['succeeded'], isHeavy: false, plan: () => PROBE_PLAN };

/** One conduct of a fault: what it has to work with, and what it has to tell. */
export class Trial {
  readonly counts: Record<string, number> = {};
  readonly violations: string[] = [];
  /** In milliseconds, one for each time that the fault healed. */
  readonly recoveries: number[] = [];
  readonly kills: Kill[] = [];
  readonly expectedGrave: RegExp[] = [];
  private probes = 0;

  readonly name: string;
  readonly deployment: Deployment;
  readonly load: Load;
  readonly clients: readonly ApiClient[];
  readonly log: CallLog;
  readonly random: Random;
  readonly scale: number;

  constructor(parts: TrialParts) {
    ({
      name: this.name,
      deployment: this.deployment,
      load: this.load,
      clients: this.clients,
      log: this.log,
      random: this.random,
      scale: this.scale,
    } = parts);
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  violate(what: string): void {
    this.violations.push(what);
  }

  /** Says so when it does not hold. */
  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.violate(otherwise);
  }

  /** A time of the long form, shortened with the form: in milliseconds. */
  ms(seconds: number): number {
    return seconds * 1_000 * this.scale;
  }

  /** A number of the long form, shortened with the form. */
  times(number: number, least = 2): number {
    return Math.max(least, Math.round(number * this.scale));
  }

  async pause(least: number, most = least): Promise<void> {
    await sleep(this.random.between(least, most));
  }

  /** Harm of one kind after the other until the time is over. */
  async repeat(seconds: number, work: () => Promise<void>): Promise<void> {
    const end = performance.now() + this.ms(seconds);
    do await work();
    while (performance.now() < end);
  }

  /** The same for each of a number of items, so many at a time. */
  async many<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<unknown>): Promise<void> {
    const left = [...items];
    const take = async (): Promise<void> => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    };
    await Promise.all(Array.from({ length: atOnce }, take));
  }

  client(): ApiClient {
    return this.random.pick(this.clients);
  }

  /** Kills the worker without a word, and remembers when. */
  killWorker(index: number): void {
    const worker = this.deployment.worker(index);
    if (!worker.isRunning) return;
    this.kills.push({ workerId: worker.workerId, at: Date.now() });
    worker.kill();
    this.count('workers killed');
  }

  /** Measures from now until a job that is sent now has been done. */
  async recovers(): Promise<void> {
    const begun = performance.now();
    const end = begun + RECOVERY_LIMIT_MS;
    const client = this.client();
    this.probes += 1;
    const label = `${this.name}-probe-${String(this.probes)}`;
    const job = {
      tenantId: client.tenant.tenantId,
      jobId: label,
      label,
      kind: PROBE.name,
      ends: PROBE.ends,
      isAcknowledged: false,
      isCancelled: false,
      mayBeCancelled: false,
    };
    this.load.jobs.push(job);
    const body = { job_id: label, labels: { call: label }, plan: PROBE_PLAN, confirm: true, priority: FIRST };
    while (performance.now() < end) {
      if (!job.isAcknowledged) {
        const { verdict, code } = await client.send({
          method: 'POST',
          path: '/v1/jobs',
          operation: 'probe',
          body,
          jobId: label,
          limitMs: 3_000,
        });
        job.isAcknowledged = verdict === 'acknowledged' || code === 'JOB_ALREADY_EXISTS';
      } else {
        const { body: seen } = await client.send({
          method: 'GET',
          path: `/v1/jobs/${label}`,
          operation: 'read',
          limitMs: 3_000,
        });
        if (seen['status'] === 'succeeded') {
          this.recoveries.push(Math.round(performance.now() - begun));
          return;
        }
      }
      await sleep(LOOK_MS);
    }
    this.violate(`no job was done within ${RECOVERY_LIMIT_MS / 1_000} s after the fault had healed`);
  }
}
