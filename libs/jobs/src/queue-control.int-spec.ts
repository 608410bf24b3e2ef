import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProgramRole } from '#database';
import { newTraceId } from '#observability';
import { aTenant, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { QueueControl } from './queue-control.js';

const key = { actor: { kind: 'api_key', id: 'key_1' }, source: 'api', requestId: 'r1' } as const;
const scope = { ...key, reason: 'maintenance' };

let db: TestDatabase;
let programs: JobPrograms;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  await db.sql('DELETE FROM queue_pause');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const auditRows = (): Promise<Record<string, unknown>[]> =>
  db.sql(
    `SELECT tenant_id, action, resource_id, actor_id, reason, request_id FROM audit_event
     WHERE resource_type = 'queue' ORDER BY event_id`,
  );

describe.each(['ss_api', 'ss_operator'] as const)('with the rights of %s', (role: ProgramRole) => {
  const control = (): QueueControl => new QueueControl(db.database(role));

  it('pauses and resumes once, each with an audit row that is no tenant’s', async () => {
    const before = (await auditRows()).length;
    expect(await control().pause(scope, 'job.run')).toMatchObject({
      name: 'job.run',
      paused: { by: 'api_key:key_1', reason: 'maintenance' },
    });
    // Somebody else's reason later on does not replace the first.
    await control().pause({ ...scope, reason: 'another' }, 'job.run');
    expect((await control().list(scope)).map(({ name, paused }) => [name, paused?.reason ?? null])).toEqual([
      ['job.run', 'maintenance'],
      ['job.draft', null],
    ]);
    expect((await control().resume({ ...scope, reason: 'done' }, 'job.run')).paused).toBeNull();
    await control().resume({ ...scope, reason: 'done' }, 'job.run');
    const row = { tenant_id: '@platform', resource_id: 'job.run', actor_id: 'key_1', request_id: 'r1' };
    expect((await auditRows()).slice(before)).toEqual([
      { ...row, action: 'queue.paused', reason: 'maintenance' },
      { ...row, action: 'queue.resumed', reason: 'done' },
    ]);
  });

  it('refuses a queue that there is not', async () => {
    await expect(control().pause(scope, 'job.dead')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    await expect(control().resume(scope, 'toString')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });
});

it('lets nobody claim from a paused queue, and everybody when it is resumed', async () => {
  const control = new QueueControl(db.database('ss_api'));
  const tenantId = await aTenant(db);
  const wanted = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true };
  const { job } = await programs.lifecycle.create(programs.client(tenantId), wanted, null);
  const paused = await control.pause(scope, 'job.run');
  expect([paused.waiting, paused.delayed, paused.active]).toEqual([1, 0, 0]);
  expect(paused.oldest_age_seconds).toBeGreaterThanOrEqual(0);
  expect(await programs.runs.claim(programs.workerIdentity, 5)).toEqual([]);
  await control.resume(scope, 'job.run');
  expect(await programs.runs.claim(programs.workerIdentity, 5)).toMatchObject([{ jobId: job.job_id }]);
});
