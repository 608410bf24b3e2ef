import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../random.js';
import { within } from '../waiting.js';
import type { Answer, ApiClient, Request } from './api-client.js';
import { JOB_KINDS, type End, type JobKind } from './job-kinds.js';

/** What the load knows of a job that it sent, or may have sent. */
export interface SentJob {
  tenantId: string;
  /** null: the answer never came, so only its label can find it. */
  jobId: string | null;
  /** The value of the label `call`, one for each job that was meant. */
  label: string;
  kind: string;
  ends: readonly End[];
  isAcknowledged: boolean;
  /** A cancel was answered 2xx. */
  isCancelled: boolean;
  /** A cancel was sent, and its answer was lost. */
  mayBeCancelled: boolean;
}

export interface LoadSettings {
  clients: number;
  /** Between two jobs of a client. */
  pauseMs: readonly [least: number, most: number];
  /** The kinds to send, by their names; all when absent. */
  kinds?: readonly string[];
}

export const USUAL_LOAD: LoadSettings = { clients: 8, pauseMs: [20, 250] };

/** How long a caller goes on asking when it is not answered. */
const PATIENCE_MS = 60_000;
const RETRY_MS = [100, 600] as const;

/** Callers that send jobs of every kind, and behave as callers do: they try again when they are not answered. */
export class Load {
  readonly jobs: SentJob[] = [];
  private readonly callers: Promise<void>[] = [];
  private isStopping = false;
  private sent = 0;

  constructor(
    private readonly name: string,
    private readonly clients: readonly ApiClient[],
    private readonly random: Random,
  ) {}

  start(settings: LoadSettings): void {
    const weights = JOB_KINDS.filter(([, { name }]) => settings.kinds?.includes(name) ?? true);
    for (let index = 0; index < settings.clients; index += 1) {
      const random = new Random(`${this.name}/${String(index)}`);
      this.callers.push(this.call(random, weights, settings));
    }
  }

  /** No new jobs; returns when every caller has got its answers, or lost patience. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.callers.splice(0));
    this.isStopping = false;
  }

  get acknowledged(): number {
    return this.jobs.filter(({ isAcknowledged }) => isAcknowledged).length;
  }

  /** Sends one job and goes on asking until it is answered. */
  async submit(
    kind: JobKind,
    more: Readonly<Record<string, unknown>> = {},
    random: Random = this.random,
  ): Promise<SentJob> {
    const client = random.pick(this.clients);
    this.sent += 1;
    const label = `${this.name}-${String(this.sent)}`;
    const ownId = random.chance(0.3) ? `own-${label}` : null;
    const job: SentJob = {
      tenantId: client.tenant.tenantId,
      jobId: ownId,
      label,
      kind: kind.name,
      ends: kind.ends,
      isAcknowledged: false,
      isCancelled: false,
      mayBeCancelled: false,
    };
    this.jobs.push(job);
    const body = {
      ...(ownId === null ? {} : { job_id: ownId }),
      labels: { call: label },
      plan: kind.plan(random),
      confirm: true,
      ...kind.fields?.(random),
      ...more,
    };
    const answer = await this.untilAnswered(client, {
      method: 'POST',
      path: '/v1/jobs',
      operation: 'create',
      body,
      jobId: ownId,
      // Either makes the call safe to repeat.
      idempotencyKey: ownId === null ? `key-${label}` : null,
    });
    if (answer.verdict === 'acknowledged') {
      job.isAcknowledged = true;
      job.jobId = answer.call.job_id;
    } else if (answer.code === 'JOB_ALREADY_EXISTS') job.isAcknowledged = true;
    return job;
  }

  async cancel(job: SentJob): Promise<Answer | null> {
    if (job.jobId === null) return null;
    const answer = await this.untilAnswered(this.clientOf(job), {
      method: 'POST',
      path: `/v1/jobs/${job.jobId}/cancel`,
      operation: 'cancel',
      body: { reason: 'chaos' },
      jobId: job.jobId,
      onUnknown: () => {
        job.mayBeCancelled = true;
      },
    });
    if (answer.verdict === 'acknowledged') job.isCancelled = true;
    return answer;
  }

  /** Queues a job that was held; while nobody says that it is, it may as well stay where it was. */
  async run(job: SentJob): Promise<void> {
    const answer = await this.untilAnswered(this.clientOf(job), {
      method: 'POST',
      path: `/v1/jobs/${String(job.jobId)}/run`,
      operation: 'run',
      body: {},
      jobId: job.jobId,
    });
    if (answer.verdict === 'unknown' || answer.verdict === 'unreached') job.ends = [...job.ends, 'confirmed'];
  }

  clientOf({ tenantId }: SentJob): ApiClient {
    const client = this.clients.find(({ tenant }) => tenant.tenantId === tenantId);
    if (!client) throw new Error(`nobody has a key of ${tenantId}`);
    return client;
  }

  private async call(
    random: Random,
    weights: readonly (readonly [number, JobKind])[],
    { pauseMs: [least, most] }: LoadSettings,
  ): Promise<void> {
    while (!this.isStopping) {
      const kind = random.weighted(weights);
      const job = await this.submit(kind, {}, random);
      if (job.jobId !== null && job.isAcknowledged) await this.follow(job, kind, random);
      await sleep(random.between(least, most));
    }
  }

  private async follow(job: SentJob, kind: JobKind, random: Random): Promise<void> {
    const path = `/v1/jobs/${String(job.jobId)}`;
    const client = this.clientOf(job);
    switch (kind.then) {
      case 'cancel':
        await sleep(random.between(0, kind.isHeavy ? 1_200 : 60));
        await this.cancel(job);
        return;
      case 'run':
        await sleep(random.between(0, 400));
        await this.run(job);
        return;
      case 'retry':
        if (await this.waitForEnd(client, path)) {
          const body = { reason: 'chaos' };
          await this.untilAnswered(client, {
            method: 'POST',
            path: `${path}/retry`,
            operation: 'retry',
            body,
            jobId: job.jobId,
          });
        }
        return;
      case undefined:
        if (kind.isHeavy) await this.waitForEnd(client, path);
        return;
      default:
        kind.then satisfies never;
    }
  }

  /** So that no more is under way than there are callers. */
  private async waitForEnd(client: ApiClient, path: string): Promise<boolean> {
    const ended = await within(
      15_000,
      async () => {
        if (this.isStopping) return 'stopping';
        const { body } = await client.send({ method: 'GET', path, operation: 'read', limitMs: 5_000 });
        return ['succeeded', 'failed', 'cancelled'].includes(String(body['status'])) && 'ended';
      },
      200,
    );
    return ended === 'ended';
  }

  /** A call that may be repeated is, until somebody says yes or no. */
  private async untilAnswered(
    client: ApiClient,
    { onUnknown, ...request }: Request & { onUnknown?: () => void },
  ): Promise<Answer> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await client.send(request);
      if (answer.verdict === 'unknown') onUnknown?.();
      const isAnswered = answer.verdict === 'acknowledged' || answer.verdict === 'refused';
      if (isAnswered || performance.now() > end) return answer;
      await sleep(this.random.between(...RETRY_MS));
    }
  }
}
