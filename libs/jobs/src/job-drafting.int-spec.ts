import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Drafter, type DraftProposal, type DraftRequest, RulesDrafter } from '#drafting';
import type { HeldMessage } from '#queue';
import {
  aDataset,
  aJob,
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  type TestDatabase,
  testDatabase,
} from '#testing';
import type { Job } from './job.js';
import type { ReceivedDataset } from './job-inputs.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const get = (job: Job): Promise<Job> => programs.lifecycle.get(mine(), job.job_id);
const actions = async (job: Job): Promise<string[]> => (await auditOf(db, job)).map((row) => row.action);
const never = new AbortController().signal;
const PENDING = { task_id: 'task-1', state: 'pending' } as const;
const NOOP = { step_id: 's1', type: 'noop', params: {} } as const;

const PROFILE = {
  rowCount: 344,
  columns: [
    { name: 'species', type: 'VARCHAR', nulls: 0, distinct: 3, min: 'Adelie', max: 'Gentoo' },
    { name: 'body_mass_g', type: 'BIGINT', nulls: 2, distinct: 94, min: '2700', max: '6300' },
  ],
  sampleRows: [],
};

/** A job with a dataset whose draft was asked for, and the message that asks. */
async function asked(given: Partial<Job> = {}): Promise<{ job: Job; message: HeldMessage }> {
  const job = await aJob(db, tenantId, {
    requirement: 'Compare body_mass_g by species',
    inputs_fingerprint: 'sha256:first',
    draft_task: PENDING,
    ...given,
  });
  await aDataset(db, job, { profile: PROFILE });
  const ref = { tenantId, jobId: job.job_id };
  await programs.worker.transaction({ ...programs.workerScope, tenantId }, (tx) =>
    programs.workerQueue.wake(tx, 'job.draft', ref),
  );
  const message = await programs.workerQueue.hold('job.draft');
  return { job, message: message! };
}

const proposal = (text: string): DraftProposal => ({
  ...{ source: 'rules', text, steps: [NOOP], assumptions: [], questions: [], warnings: [] },
});

/** A drafter that does something in between, and says how often it was asked. */
class TestDrafter implements Drafter {
  rounds = 0;
  constructor(private readonly meanwhile: (round: number) => Promise<unknown>) {}

  async draft(_request: DraftRequest): Promise<DraftProposal> {
    this.rounds += 1;
    await this.meanwhile(this.rounds);
    return proposal(`round ${String(this.rounds)}`);
  }
}

const upload = (name: string): ReceivedDataset => ({
  ...{ role: 'other', original_name: name, format: 'csv', bytes: 1, sha256: 'c'.repeat(64) },
  ...{ storage_name: `inputs/${name}`, profile: PROFILE },
});

describe('asking for a draft', () => {
  it('notes the task, raises the version and sends one message', async () => {
    const job = await aJob(db, tenantId);
    await aDataset(db, job);
    const after = await programs.lifecycle.requestDraft(mine(), job.job_id, job.version);
    expect(after).toMatchObject({
      status: 'created',
      version: job.version + 1,
      draft_task: { state: 'pending' },
    });
    expect(await actions(job)).toEqual(['job.draft_requested']);
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
  });

  it('again while one is being made changes nothing and sends nothing', async () => {
    const { job } = await asked();
    expect(await programs.lifecycle.requestDraft(mine(), job.job_id, null)).toEqual(await get(job));
    expect((await get(job)).version).toBe(job.version);
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
  });

  it('again when the message was given up sends another', async () => {
    const { job } = await asked();
    await db.sql('DELETE FROM pgboss.job');
    await programs.lifecycle.requestDraft(mine(), job.job_id, null);
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
  });

  it('needs a dataset', async () => {
    const job = await aJob(db, tenantId);
    await expect(programs.lifecycle.requestDraft(mine(), job.job_id, null)).rejects.toMatchObject({
      code: 'INPUT_PRIMARY_DATASET_MISSING',
    });
  });

  it.each(['confirmed', 'queued', 'running', 'succeeded', 'failed', 'cancelled'] as const)(
    'is locked when the job is %s',
    async (status) => {
      const job = await aJob(db, tenantId, { status });
      await aDataset(db, job);
      await expect(programs.lifecycle.requestDraft(mine(), job.job_id, job.version)).rejects.toMatchObject({
        code: 'JOB_LOCKED',
        facts: { status, current_version: job.version },
      });
    },
  );
});

describe('drafting', () => {
  it('by the rules makes a draft that says so, moves the job, and settles the message', async () => {
    const { job, message } = await asked();
    expect(await programs.drafting(new RulesDrafter()).carryOut(message, never)).toBe('drafted');
    expect(await get(job)).toMatchObject({
      status: 'draft_ready',
      version: job.version + 1,
      draft_task: null,
      draft_revision: 1,
    });
    const { draft } = await programs.lifecycle.getDraft(mine(), job.job_id);
    expect(draft).toMatchObject({ source: 'rules', revision: 1, inputs_fingerprint: 'sha256:first' });
    expect(draft!.steps.length).toBeGreaterThan(0);
    expect(await actions(job)).toEqual(['job.drafted']);
    expect(await messagesOf(db, job)).toEqual([]);
    expect((await programs.lifecycle.confirm(mine(), job.job_id, { version: null })).status).toBe('queued');
  });

  it('of a job that has a draft adds a revision and keeps the first', async () => {
    const { job, message } = await asked({ status: 'draft_ready' });
    await programs.drafting(new RulesDrafter()).carryOut(message, never);
    expect(await get(job)).toMatchObject({ status: 'draft_ready', draft_revision: 2 });
    expect(await actions(job)).toEqual(['job.drafted_again']);
    expect(
      await db.sql('SELECT revision, source FROM draft WHERE job_id = $1 ORDER BY 1', [job.job_id]),
    ).toEqual([
      { revision: 1, source: 'client' },
      { revision: 2, source: 'rules' },
    ]);
  });

  it('is done anew when the inputs changed meanwhile', async () => {
    const { job, message } = await asked();
    const drafter = new TestDrafter(async (round) => {
      if (round === 1) await programs.inputs.add(mine(), job.job_id, [upload('more.csv')], null);
    });
    expect(await programs.drafting(drafter).carryOut(message, never)).toBe('drafted');
    expect(drafter.rounds).toBe(2);
    const { job: now, draft } = await programs.lifecycle.getDraft(mine(), job.job_id);
    expect(draft).toMatchObject({ text: 'round 2', inputs_fingerprint: now.inputs_fingerprint });
    expect(await actions(job)).toEqual(['job.inputs_added', 'job.drafted']);
  });

  it('gives up for now when the inputs change during every round, and leaves the message', async () => {
    const { job, message } = await asked();
    const drafter = new TestDrafter((round) =>
      programs.inputs.add(mine(), job.job_id, [upload(`${String(round)}.csv`)], null),
    );
    await expect(programs.drafting(drafter).carryOut(message, never)).rejects.toThrow('changed');
    expect(drafter.rounds).toBe(3);
    expect(await get(job)).toMatchObject({ status: 'created', draft_task: PENDING });
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
  });

  it('that throws leaves a failed task with the cause, and can be asked for again', async () => {
    const { job, message } = await asked();
    const drafter = new TestDrafter(() => Promise.reject(new Error('nothing to say')));
    expect(await programs.drafting(drafter).carryOut(message, never)).toBe('failed');
    expect((await get(job)).draft_task).toEqual({
      task_id: 'task-1',
      state: 'failed',
      error: { code: 'DRAFT_FAILED', message: 'nothing to say' },
    });
    expect(await actions(job)).toEqual(['job.draft_failed']);
    expect(await messagesOf(db, job)).toEqual([]);
    expect((await programs.lifecycle.requestDraft(mine(), job.job_id, null)).draft_task?.state).toBe(
      'pending',
    );
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
  });

  it('that is told to stop keeps nothing and leaves the message to the next worker', async () => {
    const { job, message } = await asked();
    const stop = new AbortController();
    const drafter = new TestDrafter(() => {
      stop.abort();
      return Promise.reject(new Error('stopped'));
    });
    await expect(programs.drafting(drafter).carryOut(message, stop.signal)).rejects.toThrow('stopped');
    expect(await get(job)).toMatchObject({ version: job.version, draft_task: PENDING });
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
  });

  it.each([{ status: 'cancelled' }, { draft_task: null }] as const)(
    'finds nothing to do with %j and drops the message',
    async (given) => {
      const { job, message } = await asked(given);
      expect(await programs.drafting(new RulesDrafter()).carryOut(message, never)).toBe('nothing_to_do');
      expect(await get(job)).toMatchObject({ version: job.version });
      expect(await messagesOf(db, job)).toEqual([]);
    },
  );
});
