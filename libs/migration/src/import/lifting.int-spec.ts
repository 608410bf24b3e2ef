import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { auditOf, messagesOf, type TestDatabase, testDatabase } from '#testing';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Lifting, OPERATOR } from '../lifting.fixture.js';
import { A_PLAN, A_RUN, aDocument, TestTree } from '../tree.fixture.js';
import { Verifier } from '../verify.js';

let db: TestDatabase;
let lifting: Lifting;
let tree: TestTree;

beforeAll(async () => {
  db = await testDatabase();
  lifting = await Lifting.start(db.database('ss_operator'));
});
afterAll(async () => {
  await lifting.stop();
  await db.drop();
});
beforeEach(async () => {
  tree = await TestTree.make();
});
afterEach(async () => {
  await tree.remove();
});

const ref = (job_id: string, tenant_id = 'default'): { tenant_id: string; job_id: string } => ({
  tenant_id,
  job_id,
});
const rowOf = async (jobId: string): Promise<Record<string, unknown> | undefined> =>
  (await db.sql('SELECT * FROM job WHERE job_id = $1', [jobId]))[0];

/** Every row of jobs as it is, but for what the clock says. */
async function allRows(prefix: string): Promise<unknown[]> {
  const tables = ['job', 'draft', 'plan', 'run', 'artifact'];
  const queries = tables.map((table) =>
    db.sql(
      `SELECT to_jsonb(t) - 'updated_at' AS row FROM ${table} AS t WHERE job_id LIKE $1 || '%' ORDER BY to_jsonb(t)::text`,
      [prefix],
    ),
  );
  return Promise.all(queries);
}

describe('a file', () => {
  it('becomes rows in any state, with one audit row that says from which version to which', async () => {
    await tree.put('job_m1/job.json', {
      ...{ schema_version: 1, job_id: 'job_m1', created_at: '2026-01-06T19:10:00+00:00', status: 'failed' },
      ...{
        requirement: 'why?',
        runs: [{ ...A_RUN, status: 'failed' }],
        artifacts_index: [],
        llm_plan: A_PLAN,
      },
    });
    const { items } = await lifting.run(tree.root);
    expect(items).toMatchObject([
      { outcome: 'migrated', from_version: 1, to_version: 3, steps: ['1→2', '2→3'] },
    ]);
    expect(await rowOf('job_m1')).toMatchObject({
      status: 'failed',
      version: 1,
      schema_version: 3,
      attempts: 1,
    });
    const audit = await auditOf(db, ref('job_m1'));
    expect(audit).toMatchObject([
      {
        ...{
          action: 'job.migrated',
          from_status: null,
          to_status: 'failed',
          version: 1,
          actor_kind: 'operator',
        },
        metadata: { from_version: 1, to_version: 3, sha256: items[0]!.sha256 },
      },
    ]);
    expect(lifting.logged()).toContain('"event":"SS_JOB_JSON_SCHEMA_MIGRATED"');
  });

  it('with secrets leaves them in no row, no report and no log', async () => {
    await tree.putJob('job_secret1', {
      auth_token: 'ssv1.job_secret1.deadbeef',
      redeem_task_code: 'tc_cafe',
    });
    const { items } = await lifting.run(tree.root);
    const everywhere = JSON.stringify([await allRows('job_secret'), items]) + lifting.logged();
    expect(everywhere).toContain('auth_token_sha256');
    expect(everywhere).not.toMatch(/deadbeef|tc_cafe/);
  });

  it('whose job was deleted since is not lifted again, and that is no difference', async () => {
    await tree.putJob('job_gone1', { status: 'succeeded', runs: [A_RUN] });
    await tree.putJob('job_gone2', { status: 'succeeded', runs: [A_RUN] });
    await lifting.run(tree.root);
    // Retention counts from here, not from an end of long ago.
    const [kept] = await db.sql(
      `SELECT now() - kept_from < interval '1 minute' AS now FROM job WHERE job_id = 'job_gone1'`,
    );
    expect(kept).toEqual({ now: true });
    await db.sql(`DELETE FROM job WHERE job_id = 'job_gone1'`);
    const { byPath } = await lifting.run(tree.root);
    expect(byPath).toEqual({ 'go/job_gone1/job.json': 'unchanged', 'go/job_gone2/job.json': 'unchanged' });
    expect([await rowOf('job_gone1'), (await rowOf('job_gone2'))?.['status']]).toEqual([
      undefined,
      'succeeded',
    ]);
    const verified = await new Verifier(db.database('ss_operator'), OPERATOR).verify({
      ...{ root: tree.root, tenants: null, strict: false },
    });
    expect(verified.differences.filter(({ path }) => path?.includes('job_gone'))).toEqual([]);
    expect(verified.moved_on).toBe(1);
  });

  it('keeps integers of 63 bits exactly', async () => {
    await tree.put(
      'bi/job_big/job.json',
      `{"schema_version": 3, "job_id": "job_big", "created_at": "2026-01-20T08:00:00+00:00",
      "trace_id": "t", "version": 9223372036854775807, "x": [9223372036854775806, 12345678901234567890123]}`,
    );
    await lifting.run(tree.root);
    const [row] = await db.sql(`SELECT version::text, legacy ->> 'x' AS x FROM job WHERE job_id = 'job_big'`);
    expect(row).toEqual({
      version: '9223372036854775807',
      x: '[9223372036854775806, 12345678901234567890123]',
    });
  });

  it('is not taken in when it is broken, and the others go on', async () => {
    await tree.put('qa/job_qa1/job.json', '{');
    await tree.putJob('job_qa2', { status: 'paused' });
    await tree.putJob('job_qa3');
    const { byPath, result } = await lifting.run(tree.root);
    expect(byPath).toEqual({
      'qa/job_qa1/job.json': 'quarantined JSON_INVALID',
      'qa/job_qa2/job.json': 'quarantined DOCUMENT_INVALID',
      'qa/job_qa3/job.json': 'migrated',
    });
    expect(result.counts).toMatchObject({ migrated: 1, quarantined: 2 });
    expect(await rowOf('job_qa2')).toBeUndefined();
  });

  it('that the database refuses is quarantined alone', async () => {
    // More than a btree can index, and no rule of the format against it.
    await tree.putJob('job_dr1', { requirement: 'fine' });
    await tree.putJob('job_dr2', { x: `1${'0'.repeat(4_000)}`, y: 1 });
    await tree.put(
      'dr/job_dr3/job.json',
      `{"schema_version":3,"job_id":"job_dr3","created_at":"","x":1e-300000}`,
    );
    const { byPath } = await lifting.run(tree.root);
    expect(byPath).toEqual({
      'dr/job_dr1/job.json': 'migrated',
      'dr/job_dr2/job.json': 'migrated',
      'dr/job_dr3/job.json': 'quarantined DOCUMENT_INVALID',
    });
  });

  it('is unchanged the second time, and noticed when it says something else', async () => {
    const file = await tree.putJob('job_un1', { requirement: 'first' });
    await lifting.run(tree.root);
    const before = await allRows('job_un');
    expect((await lifting.run(tree.root)).byPath).toEqual({ 'un/job_un1/job.json': 'unchanged' });
    // The same words in other bytes.
    await writeFile(file, JSON.stringify(aDocument('job_un1', { requirement: 'first' }), null, 1));
    expect((await lifting.run(tree.root)).byPath).toEqual({ 'un/job_un1/job.json': 'unchanged' });
    expect(await allRows('job_un')).toEqual(before);
  });

  it('loses to a job of the same id that was born here', async () => {
    await tree.putJob('job_native');
    await db.put('tenant', { tenant_id: 'born' });
    await db.put('job', { tenant_id: 'born', job_id: 'job_native', trace_id: 'a'.repeat(32) });
    await tree.put('tenants/born/na/job_native/job.json', aDocument('job_native', { tenant_id: 'born' }));
    const { byPath } = await lifting.run(tree.root, { tenants: ['born'] });
    expect(byPath).toEqual({ 'tenants/born/na/job_native/job.json': 'quarantined DUPLICATE_JOB' });
  });

  it('under --strict must be one that the legacy reader takes', async () => {
    await tree.put('s1/job_s1a/job.json', `\ufeff${JSON.stringify(aDocument('job_s1a'))}`);
    await tree.put('s2/job_s2a/job.json', JSON.stringify(aDocument('job_s2a', { requirement: 'a\0b' })));
    await tree.put('zz/job_s3a/job.json', aDocument('job_s3a'));
    expect((await lifting.run(tree.root, { strict: true, dryRun: true })).byPath).toEqual({
      's1/job_s1a/job.json': 'quarantined JSON_INVALID',
      's2/job_s2a/job.json': 'repaired NUL_REPLACED',
      'zz/job_s3a/job.json': 'quarantined SHARD_MISPLACED',
    });
  });

  it('is only looked at in a dry run', async () => {
    await tree.putJob('job_dry1');
    const { byPath, result } = await lifting.run(tree.root, { dryRun: true });
    expect(byPath).toEqual({ 'dr/job_dry1/job.json': 'migrated' });
    expect(result.batchId).toBeNull();
    expect(await rowOf('job_dry1')).toBeUndefined();
  });
});

describe('a batch', () => {
  it('is on record with a row for each file', async () => {
    await tree.putJob('job_ba1');
    await tree.put('ba/job_ba2/job.json', '[]');
    const { result } = await lifting.run(tree.root);
    const [batch] = await lifting.jobs.batches.list(1);
    expect(batch).toMatchObject({
      batch_id: result.batchId,
      root: tree.root,
      counts: { migrated: 1, quarantined: 1 },
    });
    const items = [];
    for await (const item of lifting.jobs.batches.items(result.batchId!))
      items.push([item.path, item.outcome]);
    expect(items.sort()).toEqual([
      ['ba/job_ba1/job.json', 'migrated'],
      ['ba/job_ba2/job.json', 'quarantined'],
    ]);
  });

  it('beside another of the same tree does no harm: one of them writes each job', async () => {
    for (let index = 0; index < 150; index++) {
      await tree.putJob(`job_${String(index).padStart(4, '0')}par`, {
        status: 'succeeded',
        llm_plan: A_PLAN,
        runs: [A_RUN],
      });
    }
    const both = await Promise.all([lifting.run(tree.root), lifting.run(tree.root)]);
    const migrated = both.map(({ result }) => result.counts['migrated'] ?? 0);
    const unchanged = both.map(({ result }) => result.counts['unchanged'] ?? 0);
    expect([migrated[0]! + migrated[1]!, unchanged[0]! + unchanged[1]!]).toEqual([150, 150]);
    const [rows] = await db.sql(
      `SELECT (SELECT count(*) FROM job WHERE job_id LIKE '%par') AS jobs,
         (SELECT count(*) FROM run WHERE job_id LIKE '%par') AS runs,
         (SELECT count(*) FROM audit_event WHERE resource_id LIKE '%par') AS audit`,
    );
    expect(rows).toEqual({ jobs: 150, runs: 150, audit: 150 });
  });

  it('never writes to the tree', async () => {
    const file = await tree.putJob('job_ro1', { schema_version: 1, version: undefined });
    const { stat, readFile, readdir } = await import('node:fs/promises');
    const before = [
      await readFile(file, 'utf8'),
      (await stat(file)).mtimeMs,
      await readdir(join(tree.root, 'ro/job_ro1')),
    ];
    await lifting.run(tree.root);
    expect([
      await readFile(file, 'utf8'),
      (await stat(file)).mtimeMs,
      await readdir(join(tree.root, 'ro/job_ro1')),
    ]).toEqual(before);
  });
});

describe('a job that waits or was running', () => {
  it('is woken once when it is queued, and again by no second run', async () => {
    await tree.putJob('job_wa1', { status: 'queued', llm_plan: A_PLAN });
    await lifting.run(tree.root);
    await lifting.run(tree.root);
    expect(await messagesOf(db, ref('job_wa1'))).toEqual(['job.run']);
  });

  it.each([
    ['requeue', 'queued', ['job.migrated', 'job.requeued'], ['job.run'], 4],
    ['fail', 'failed', ['job.migrated', 'job.failed'], [], 4],
    ['keep', 'running', ['job.migrated'], [], 3],
  ] as const)(
    'whose worker died is treated as asked: %s',
    async (running, status, actions, messages, version) => {
      const jobId = `job_ru_${running}`;
      const runs = [{ ...A_RUN, status: 'running', ended_at: null }];
      await tree.putJob(jobId, { status: 'running', version: 3, llm_plan: A_PLAN, runs });
      await lifting.run(tree.root, { running });
      expect(await rowOf(jobId)).toMatchObject({ status, version, lease_no: 1 });
      expect(await messagesOf(db, ref(jobId))).toEqual(messages);
      const audit = await auditOf(db, ref(jobId));
      expect(audit.map((row) => row.action)).toEqual(actions);
      // The chain is unbroken and its head is the row.
      expect(audit.at(-1)).toMatchObject({ to_status: status, version });
      const [run] = await db.sql('SELECT outcome FROM run WHERE job_id = $1', [jobId]);
      expect(run).toEqual({ outcome: running === 'keep' ? null : 'interrupted' });
      const verified = await new Verifier(db.database('ss_operator'), OPERATOR).verify({
        root: tree.root,
        tenants: null,
        strict: false,
      });
      expect(verified.differences.filter((found) => found.path !== null)).toEqual([]);
    },
  );

  it('is not woken when its plan cannot run', async () => {
    const steps = [{ step_id: 'a', type: 'run_stata', depends_on: ['a'] }];
    await tree.putJob('job_cy1', { status: 'queued', llm_plan: { ...A_PLAN, steps } });
    await lifting.run(tree.root);
    expect(await rowOf('job_cy1')).toMatchObject({ status: 'queued' });
    expect(await messagesOf(db, ref('job_cy1'))).toEqual([]);
  });
});

describe('the files of a job', () => {
  const listed = {
    artifacts_index: [
      { kind: 'stata.log', rel_path: 'runs/r/stata.log' },
      { kind: 'stata.do', rel_path: 'gone.do' },
    ],
  };

  it('are copied, measured, and missed when they are gone', async () => {
    await tree.putJob('job_fi1', {
      ...listed,
      inputs: { manifest_rel_path: 'inputs/manifest.json', fingerprint: 'f' },
    });
    await tree.put('fi/job_fi1/runs/r/stata.log', 'the log');
    await tree.put('fi/job_fi1/inputs/manifest.json', {
      primary_dataset: { rel_path: 'inputs/primary.csv' },
    });
    await tree.put('fi/job_fi1/inputs/primary.csv', 'a,b\n1,2\n');
    const { items } = await lifting.run(tree.root);
    expect(items[0]).toMatchObject({
      outcome: 'repaired',
      details: [{ reason: 'ARTIFACT_MISSING', pointer: '/artifacts_index/1' }],
    });
    const rows = await db.sql(
      `SELECT rel_path, kind, bytes, storage_name FROM artifact WHERE job_id = 'job_fi1' ORDER BY rel_path`,
    );
    expect(rows).toMatchObject([
      { rel_path: 'gone.do', bytes: null },
      { rel_path: 'inputs/manifest.json', kind: 'inputs.manifest' },
      { rel_path: 'inputs/primary.csv', kind: 'inputs.dataset', bytes: 8 },
      { rel_path: 'runs/r/stata.log', bytes: 7 },
    ]);
    expect(
      await db.sql(`SELECT dataset_key, role, format, bytes FROM input_dataset WHERE job_id = 'job_fi1'`),
    ).toEqual([{ dataset_key: 'primary', role: 'primary_dataset', format: 'csv', bytes: 8 }]);
    const ref = { tenantId: 'default', jobId: 'job_fi1', storageName: String(rows[3]!['storage_name']) };
    expect(await lifting.store.stat(ref)).toEqual({ bytes: 7 });
  });

  it('are never those that a link leads to outside of the job', async () => {
    const { symlink } = await import('node:fs/promises');
    await tree.putJob('job_li1', { artifacts_index: [{ kind: 'stata.log', rel_path: 'passwd' }] });
    await symlink('/etc/passwd', join(tree.root, 'li/job_li1/passwd'));
    expect((await lifting.run(tree.root)).byPath).toEqual({
      'li/job_li1/job.json': 'repaired ARTIFACT_MISSING',
    });
  });

  it('stay where they are when asked so, and share their bytes when linked', async () => {
    await tree.putJob('job_sk1', listed);
    expect((await lifting.run(tree.root, { artifacts: 'skip' })).byPath).toEqual({
      'sk/job_sk1/job.json': 'migrated',
    });
    await tree.putJob('job_ln1', { artifacts_index: listed.artifacts_index.slice(0, 1) });
    const log = await tree.put('ln/job_ln1/runs/r/stata.log', 'shared');
    expect((await lifting.run(tree.root, { artifacts: 'link' })).byPath).toMatchObject({
      'ln/job_ln1/job.json': 'migrated',
    });
    const { stat } = await import('node:fs/promises');
    expect((await stat(log)).nlink).toBe(2);
  });
});

describe('a run', () => {
  it('is on the audit of the platform when it starts and when it is finished; a dry run is not', async () => {
    await tree.put('job_audited/job.json', aDocument('job_audited'));
    const { result } = await lifting.run(tree.root);
    const rows = await db.sql(
      `SELECT tenant_id, action, actor_kind, metadata FROM audit_event
       WHERE resource_type = 'migration' AND resource_id = $1 ORDER BY event_id`,
      [result.batchId],
    );
    const by = { tenant_id: '@platform', actor_kind: 'operator' };
    expect(rows).toMatchObject([
      { ...by, action: 'migration.started', metadata: { kind: 'run' } },
      { ...by, action: 'migration.finished', metadata: { counts: { migrated: 1 } } },
    ]);
    const count = `SELECT count(*)::int AS n FROM audit_event WHERE resource_type = 'migration'`;
    const before = await db.sql(count);
    await lifting.run(tree.root, { dryRun: true });
    expect(await db.sql(count)).toEqual(before);
  });
});
