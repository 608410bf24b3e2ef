import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { aJob, aTenant, auditOf, JobPrograms, rejectionsOf, type TestDatabase, testDatabase } from '#testing';
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
const NOOP = { step_id: 's1', type: 'noop', params: {} } as const;

const PROFILE = {
  rowCount: 344,
  columns: [
    { name: 'species', type: 'VARCHAR', nulls: 0, distinct: 3, min: 'Adelie', max: 'Gentoo' },
    { name: 'body_mass_g', type: 'BIGINT', nulls: 2, distinct: 94, min: '2700', max: '6300' },
  ],
  sampleRows: [],
};

const upload = (name: string): ReceivedDataset => ({
  ...{ role: 'other', original_name: name, format: 'csv', bytes: 1, sha256: 'c'.repeat(64) },
  ...{ storage_name: `inputs/${name}`, profile: PROFILE },
});

describe('editing a draft', () => {
  it('changes what it names, merges answers, and raises the version', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    const first = await programs.lifecycle.editDraft(mine(), job.job_id, job.version, {
      text: 'mine',
      answers: { q1: 'a' },
    });
    expect(first.job.version).toBe(job.version + 1);
    const second = await programs.lifecycle.editDraft(mine(), job.job_id, first.job.version, {
      answers: { q2: 'b' },
      notes: 'n',
    });
    expect(second.draft).toMatchObject({
      text: 'mine',
      answers: { q1: 'a', q2: 'b' },
      notes: 'n',
      steps: [NOOP],
    });
    expect(await actions(job)).toEqual(['job.draft_edited', 'job.draft_edited']);
    expect((await auditOf(db, job))[0]!.metadata).toMatchObject({ revision: 1, fields: ['text', 'answers'] });
  });

  it('checks new steps like a plan, and changes nothing when they are wrong', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    const steps = [{ ...NOOP, depends_on: ['nobody'] }];
    await expect(
      programs.lifecycle.editDraft(mine(), job.job_id, job.version, { steps }),
    ).rejects.toMatchObject({
      code: 'PLAN_INVALID',
      errors: [expect.objectContaining({ pointer: expect.stringContaining('/steps/0/depends_on') })],
    });
    expect((await get(job)).version).toBe(job.version);
  });

  it('by two at once has one winner, and the other is told the version', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    const edit = (text: string) => programs.lifecycle.editDraft(mine(), job.job_id, job.version, { text });
    const outcomes = await Promise.allSettled([edit('one'), edit('two')]);
    const [won] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(rejectionsOf(outcomes)).toEqual([
      expect.objectContaining({
        code: 'JOB_VERSION_CONFLICT',
        facts: expect.objectContaining({ current_version: job.version + 1 }),
      }),
    ]);
    expect((await programs.lifecycle.getDraft(mine(), job.job_id)).draft!.text).toBe(won!.draft.text);
  });

  it('needs a draft, a job of the tenant, and one that is not frozen yet', async () => {
    const bare = await aJob(db, tenantId);
    const frozen = await aJob(db, tenantId, { status: 'queued' });
    const foreign = await aJob(db, await aTenant(db), { status: 'draft_ready' });
    const edit = (job: Job) => programs.lifecycle.editDraft(mine(), job.job_id, job.version, { text: 'x' });
    await expect(edit(bare)).rejects.toMatchObject({ code: 'DRAFT_NOT_FOUND' });
    await expect(edit(frozen)).rejects.toMatchObject({ code: 'JOB_LOCKED' });
    await expect(edit(foreign)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });
});

describe('inputs', () => {
  it('come all or none, change the fingerprint and the version, and are locked once the plan is frozen', async () => {
    const job = await aJob(db, tenantId);
    const added = await programs.inputs.add(
      mine(),
      job.job_id,
      [upload('a.csv'), upload('a.csv')],
      job.version,
    );
    expect(added.datasets.map((dataset) => dataset.dataset_key).sort()).toEqual(['a', 'a_2']);
    expect(added.job).toMatchObject({
      version: job.version + 1,
      inputs_fingerprint: expect.stringMatching(/^sha256:/),
    });
    const primaries = [upload('b.csv'), upload('c.csv')].map((dataset) => ({
      ...dataset,
      role: 'primary_dataset' as const,
    }));
    await expect(programs.inputs.add(mine(), job.job_id, primaries, null)).rejects.toMatchObject({
      code: 'INPUT_PRIMARY_DATASET_MULTIPLE',
    });
    expect(await get(job)).toEqual(added.job);
    const removed = await programs.inputs.remove(mine(), job.job_id, 'a_2', added.job.version);
    expect(removed.inputs_fingerprint).not.toBe(added.job.inputs_fingerprint);
    const frozen = await aJob(db, tenantId, { status: 'confirmed' });
    await expect(programs.inputs.add(mine(), frozen.job_id, [upload('a.csv')], null)).rejects.toMatchObject({
      code: 'JOB_LOCKED',
    });
    expect(await actions(job)).toEqual(['job.inputs_added', 'job.inputs_removed']);
  });
});
