import { hasEnded, type Lease, type Settlement } from '#jobs';
import { deepStrictEqual, ok } from 'node:assert/strict';
import { MAX_LOST_RUNS } from '../job-programs.js';
import { timePasses } from '../rows.js';
import { close, mayBeClaimed, type Model, type ModelJob, move, openRun, start } from './model.js';
import type { Real } from './real.js';

/** One thing that somebody does: to the database, and to the model what it must have done. */
export type Verb = (model: Model, real: Real) => Promise<void>;

/** Which version a client names: none, the one that is there, or one that is not. */
export type Seen = 'none' | 'current' | 'wrong';

const error = { code: 'STEP_FAILED', message: 'no' };

/** The settlements that a worker may send. */
export const SETTLEMENTS = {
  succeeded: { outcome: 'succeeded' },
  interrupted: { outcome: 'interrupted' },
  failed: { outcome: 'failed', error, retryAfterMs: null },
  failed_and_again: { outcome: 'failed', error, retryAfterMs: 0 },
  failed_and_later: { outcome: 'failed', error, retryAfterMs: 3_600_000 },
  timed_out: { outcome: 'timed_out', error, retryAfterMs: null },
} as const satisfies Record<string, Settlement>;

/** The verb must be refused with this code, or with null must not be. */
async function answers(work: Promise<unknown>, code: string | null): Promise<void> {
  const answer = await work.then(
    () => null,
    (fault: unknown) => {
      if (typeof fault === 'object' && fault !== null && 'code' in fault) return fault.code;
      throw fault;
    },
  );
  deepStrictEqual(answer, code);
}

const pickJob = (model: Model, n: number): { no: number; job: ModelJob } => {
  const no = n % model.jobs.length;
  return { no, job: model.jobs[no]! };
};

function versionOf(job: ModelJob, seen: Seen): number | null {
  return seen === 'none' ? null : job.version + Number(seen === 'wrong');
}

export const create =
  (request: Parameters<Real['create']>[0]): Verb =>
  async (model, real) => {
    await real.create(request);
    const { plan, confirm, hold, later, expires } = request;
    const steps = !plan ? 1 : !confirm ? 2 : hold ? 3 : 4;
    model.jobs.push({
      status: (['created', 'draft_ready', 'confirmed', 'queued'] as const)[steps - 1]!,
      version: steps,
      ...{ attempts: 0, lostRuns: 0, leaseNo: 0, draftPending: false, runs: [] },
      waits: later,
      expires: expires ? 'later' : 'never',
    });
  };

export const requestDraft =
  (n: number): Verb =>
  async (model, real) => {
    const { no, job } = pickJob(model, n);
    const editable = job.status === 'created' || job.status === 'draft_ready';
    const { lifecycle } = real.programs;
    await answers(lifecycle.requestDraft(real.scope, real.jobIds[no]!, null), editable ? null : 'JOB_LOCKED');
    if (!editable || job.draftPending) return;
    job.version += 1;
    job.draftPending = true;
  };

/** A worker makes the draft that some message asks for. */
export const makeDraft = (): Verb => async (model, real) => {
  const message = await real.programs.workerQueue.hold('job.draft');
  // A message may be there for nothing, but never be missing.
  if (!message) {
    ok(!model.jobs.some((job) => job.draftPending));
    return;
  }
  const job = model.jobs[real.jobNo(message.jobId)]!;
  const result = await real.drafting.carryOut(message, new AbortController().signal);
  deepStrictEqual(result, job.draftPending ? 'drafted' : 'nothing_to_do');
  if (!job.draftPending) return;
  job.draftPending = false;
  move(job, 'draft_ready');
};

export const confirm =
  (n: number, seen: Seen, hold: boolean): Verb =>
  async (model, real) => {
    const { no, job } = pickJob(model, n);
    const refusal =
      seen === 'wrong'
        ? 'JOB_VERSION_CONFLICT'
        : job.status === 'draft_ready'
          ? null
          : 'JOB_ILLEGAL_TRANSITION';
    const request = { version: versionOf(job, seen), hold };
    await answers(real.programs.lifecycle.confirm(real.scope, real.jobIds[no]!, request), refusal);
    if (refusal !== null) return;
    job.draftPending = false;
    move(job, 'confirmed');
    if (!hold) move(job, 'queued');
  };

/** `enqueue`, `retry` and `cancel`: allowed from some statuses, refused from the others. */
export const clientMove =
  (verb: 'enqueue' | 'retry' | 'cancel', n: number, seen: Seen): Verb =>
  async (model, real) => {
    const { no, job } = pickJob(model, n);
    const allowed = {
      enqueue: job.status === 'confirmed',
      retry: job.status === 'failed',
      cancel: !hasEnded(job.status),
    };
    const refusal =
      seen === 'wrong' ? 'JOB_VERSION_CONFLICT' : allowed[verb] ? null : 'JOB_ILLEGAL_TRANSITION';
    await answers(real.programs.lifecycle[verb](real.scope, real.jobIds[no]!, versionOf(job, seen)), refusal);
    if (refusal !== null) return;
    if (verb === 'cancel') {
      const run = openRun(job);
      if (run) close(run, 'cancelled');
      job.draftPending = false;
    }
    if (verb === 'retry') Object.assign(job, { attempts: 0, lostRuns: 0, waits: false, expires: 'never' });
    move(job, verb === 'cancel' ? 'cancelled' : 'queued');
  };

/** A worker claims: all that may be claimed, up to its limit; messages of jobs that are over take up room in it. */
export const claim =
  (worker: number, max: number): Verb =>
  async (model, real) => {
    const due = model.jobs.filter(mayBeClaimed).length;
    const over = model.jobs.filter(
      (job) => job.status === 'queued' && !job.waits && job.expires === 'now',
    ).length;
    const runs = await real.programs.runs.claim(real.workers[worker]!.identity, max);
    ok(runs.length <= Math.min(max, due), 'claimed what could not be claimed');
    ok(runs.length >= Math.min(max - over, due), 'left what could be claimed');
    for (const run of runs) {
      const job = model.jobs[real.jobNo(run.jobId)]!;
      ok(mayBeClaimed(job));
      start(job, worker);
      deepStrictEqual([run.leaseNo, run.attempt], [job.leaseNo, job.attempts + 1]);
      real.given(worker, run);
    }
  };

/** Of a lease that somebody was given once, counted from the last, the run. */
function pickRun(model: Model, real: Real, n: number) {
  const given = real.leases.at(-1 - (n % real.leases.length));
  if (!given) return null;
  const job = model.jobs[given.job]!;
  const run = job.runs.find(({ leaseNo }) => leaseNo === given.lease.leaseNo)!;
  return { job, run, lease: given.lease };
}

export const beat =
  (worker: number): Verb =>
  async (model, real) => {
    const { identity, held } = real.workers[worker]!;
    const renewed = await real.programs.workers.beat(identity, held);
    const runOf = (lease: Lease) =>
      model.jobs[real.jobNo(lease.jobId)]!.runs.find(({ leaseNo }) => leaseNo === lease.leaseNo)!;
    const byId = new Map(renewed.map(({ runId, held: isHeld, outcome }) => [runId, [isHeld, outcome]]));
    deepStrictEqual(
      held.map(({ runId }) => byId.get(runId)),
      held.map((lease) => [runOf(lease).outcome === null, runOf(lease).outcome]),
    );
    for (const lease of held) if (runOf(lease).outcome === null) runOf(lease).over = false;
    real.workers[worker]!.held = held.filter((lease) => runOf(lease).outcome === null);
  };

/** The worker loses its memory, but not its name: as when the answer to its claim never came. */
export const kill =
  (worker: number): Verb =>
  async (_model, real) => {
    real.workers[worker]!.held = [];
    return Promise.resolve();
  };

/** The worker asks what it holds without knowing. */
export const recover =
  (worker: number): Verb =>
  async (model, real) => {
    const { identity, held } = real.workers[worker]!;
    const found = await real.programs.runs.findUnknown(
      identity,
      held.map(({ runId }) => runId),
    );
    const known = new Set(held.map(({ runId }) => runId));
    const lost = real.leases.filter(({ job, worker: whose, lease }) => {
      const run = model.jobs[job]!.runs.find(({ leaseNo }) => leaseNo === lease.leaseNo);
      return whose === worker && run?.outcome === null && !known.has(lease.runId);
    });
    deepStrictEqual(found.map(({ runId }) => runId).sort(), lost.map(({ lease }) => lease.runId).sort());
    held.push(...found);
  };

export const step =
  (n: number, what: 'begin' | 'end'): Verb =>
  async (model, real) => {
    const picked = pickRun(model, real, n);
    if (!picked) return;
    const { run, lease } = picked;
    const { runs } = real.programs;
    const work =
      what === 'begin'
        ? runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' })
        : runs.endStep(lease, 's1', { outcome: 'succeeded', artifacts: [] });
    await answers(work, run.outcome === null ? null : 'STALE_LEASE');
    if (run.outcome !== null) return;
    if (what === 'begin') run.step ??= null;
    else if (run.step === null) run.step = 'succeeded';
  };

export const settle =
  (n: number, how: keyof typeof SETTLEMENTS, forged: boolean): Verb =>
  async (model, real) => {
    const picked = pickRun(model, real, n);
    if (!picked) return;
    const { job, run } = picked;
    const settlement: Settlement = SETTLEMENTS[how];
    const lease = forged ? { ...picked.lease, leaseNo: picked.lease.leaseNo + 1 } : picked.lease;
    const isRepeat = run.outcome === settlement.outcome;
    await answers(
      real.programs.runs.settle(lease, settlement),
      !forged && (run.outcome === null || isRepeat) ? null : 'STALE_LEASE',
    );
    if (forged || run.outcome !== null) return;
    close(run, settlement.outcome);
    if (settlement.outcome === 'failed' || settlement.outcome === 'timed_out') job.attempts += 1;
    const pause = 'retryAfterMs' in settlement ? settlement.retryAfterMs : 0;
    if (settlement.outcome === 'succeeded') move(job, 'succeeded');
    else if (pause === null) move(job, 'failed');
    else {
      move(job, 'queued');
      job.waits = pause > 0;
    }
  };

/** The clock runs on for one job: to when it may run, or to when it may wait no more. */
export const pass =
  (n: number, until: 'scheduled_at' | 'expires_at'): Verb =>
  async (model, real) => {
    const { no, job } = pickJob(model, n);
    if (until === 'scheduled_at' ? !job.waits : job.expires !== 'later') return;
    await timePasses(real.db, real.ref(no), until);
    if (until === 'scheduled_at') job.waits = false;
    else {
      job.expires = 'now';
    }
  };

/** The lease of a run ends without a heartbeat. */
export const runOut =
  (n: number): Verb =>
  async (model, real) => {
    const picked = pickRun(model, real, n);
    if (picked?.run.outcome !== null) return;
    await real.db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = $1', [
      picked.lease.runId,
    ]);
    picked.run.over = true;
  };

/** Somebody sweeps: lost runs are taken, and jobs that waited too long fail. */
export const sweep = (): Verb => async (model, real) => {
  const lost = await real.programs.lost.abandon();
  const found = lost.map(({ jobId, leaseNo, status }) => [real.jobNo(jobId), leaseNo, status]);
  const due = model.jobs.flatMap((job, no) => {
    const run = openRun(job);
    if (!run?.over) return [];
    close(run, 'lost');
    job.lostRuns += 1;
    const poison = job.lostRuns >= MAX_LOST_RUNS;
    move(job, poison ? 'failed' : 'queued');
    if (!poison) job.waits = false;
    return [[no, run.leaseNo, job.status]];
  });
  const byJob = (one: unknown[], other: unknown[]): number => Number(one[0]) - Number(other[0]);
  deepStrictEqual(found.sort(byJob), due);
  const expired = await real.programs.lost.expire();
  const over = model.jobs.flatMap((job, no) =>
    job.status === 'queued' && job.expires === 'now' ? [no] : [],
  );
  deepStrictEqual(expired.map(({ jobId }) => real.jobNo(jobId)).sort(), over);
  for (const no of over) move(model.jobs[no]!, 'failed');
};

/** Both, one after the other: by chance alone they would rarely meet. */
export const lose =
  (n: number): Verb =>
  async (model, real) => {
    await runOut(n)(model, real);
    await sweep()(model, real);
  };
