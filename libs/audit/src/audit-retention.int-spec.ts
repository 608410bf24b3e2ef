import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { anAuditMonth, aTenant, auditRowsAt, monthsAgo, type TestDatabase, testDatabase } from '#testing';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyArchive } from './archive-proof.js';
import { AuditArchives } from './audit-archives.js';
import { type AuditMonth, auditMonth } from './audit-month.js';
import { AuditRetention } from './audit-retention.js';
import { AuditSeal } from './audit-seal.js';
import { AuditVerifier, type Verification } from './audit-verifier.js';
import { CheckpointSigner, newSigningKey } from './checkpoint.js';
import { CheckpointFolder } from './checkpoint-folder.js';
import { retirementHash, retirementStatement } from './retirement.js';

const SCOPE = { actor: { kind: 'worker', id: 'keeper' }, source: 'test', reason: 'older than 3 months' } as const;
const SEGMENT_ROWS = 10;
const [OLD, NEXT, KEPT] = [auditMonth(monthsAgo(5)), auditMonth(monthsAgo(4)), auditMonth(monthsAgo(2))];

let db: TestDatabase;
let tenantId: string;
let folder: string;
let signer: CheckpointSigner;

beforeEach(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
  folder = await mkdtemp(join(tmpdir(), 'ss-retention-'));
  signer = CheckpointSigner.fromPem(newSigningKey());
  for (const month of [OLD, NEXT, KEPT]) await anAuditMonth(db, month);
});
afterEach(async () => {
  await db.drop();
  await rm(folder, { recursive: true });
});

const outside = (): CheckpointFolder => new CheckpointFolder(join(folder, 'checkpoints'));
const seal = async (): Promise<unknown> =>
  new AuditSeal(db.database('ss_worker'), SCOPE, signer, outside(), SEGMENT_ROWS).seal();
const aRetention = (archived = true): AuditRetention => {
  const database = db.database('ss_worker');
  const archives = archived ? new AuditArchives(database, SCOPE, signer, join(folder, 'archive')) : null;
  return new AuditRetention(database, SCOPE, signer, archives);
};
const verify = async (publicKey = signer.publicKey): Promise<Verification> =>
  new AuditVerifier(db.database('ss_operator'), SCOPE).verify({ checkpoints: await outside().read(), publicKey });
const days = (month: AuditMonth, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${month}-${String((n % 27) + 1).padStart(2, '0')}T05:00:00Z`);
const partition = (month: AuditMonth): string => `audit_event_${month.replace('-', '_')}`;

/** As somebody who owns the tables and takes the guards away for a moment. */
async function tamper(...statements: [string, unknown[]?][]): Promise<void> {
  await db.sql('SET session_replication_role = replica');
  for (const [statement, values] of statements) await db.sql(statement, values ?? []);
  await db.sql('RESET session_replication_role');
}

/** Two old months and a younger one, with segments that reach over both ends: 14 + 9 + 12 rows, 10 a segment. */
async function threeMonths(): Promise<void> {
  await auditRowsAt(db, tenantId, days(OLD, 13));
  // Numbered in one order, dated in another.
  await auditRowsAt(db, tenantId, [...days(NEXT, 2), `${OLD}-28T23:59:59.999Z`, ...days(NEXT, 7), ...days(KEPT, 12)]);
  await seal();
}

describe('a month that went', () => {
  it('leaves an audit that is found whole, and a row that says so', async () => {
    await threeMonths();
    expect(await verify()).toEqual({ ok: true, segments: 4, rows: 35, retired_rows: 0, first_bad: null });
    const retention = aRetention();
    expect(await retention.listDue(3)).toEqual([OLD, NEXT]);

    const archive = join(folder, 'archive', `ss-audit-${OLD}.ndjson.gz`);
    expect(await retention.retire(OLD)).toEqual({ month: OLD, rows: 14, archive });
    expect(await retention.listDue(3)).toEqual([NEXT]);
    expect(await db.sql('SELECT to_regclass($1)::text AS name', [partition(OLD)])).toEqual([{ name: null }]);
    expect(await verify()).toMatchObject({ ok: true, segments: 4, rows: 21, retired_rows: 14 });

    const sha256 = createHash('sha256').update(await readFile(archive)).digest('hex');
    expect(
      await db.sql(
        `SELECT tenant_id, actor_kind, actor_id, resource_id, reason, source, metadata - 'record_sha256' AS metadata
         FROM audit_event WHERE action = 'audit.month_retired'`,
      ),
    ).toEqual([
      {
        ...{ tenant_id: '@platform', actor_kind: 'worker', actor_id: 'keeper', resource_id: OLD },
        ...{ reason: 'older than 3 months', source: 'test' },
        metadata: expect.objectContaining({ rows: 14, archive: `ss-audit-${OLD}.ndjson.gz`, archive_sha256: sha256 }),
      },
    ]);

    await retention.retire(NEXT);
    await seal();
    expect(await verify()).toMatchObject({ ok: true, segments: 5, rows: 14, retired_rows: 23 });
    expect((await verifyArchive(archive, signer.publicKey)).manifest.rows).toBe(14);
  });

  it('may go with no file, and with no rows', async () => {
    await auditRowsAt(db, tenantId, days(NEXT, 3));
    await seal();
    expect(await aRetention(false).retire(OLD)).toEqual({ month: OLD, rows: 0, archive: null });
    expect(await aRetention(false).retire(NEXT)).toEqual({ month: NEXT, rows: 3, archive: null });
    expect(await verify()).toMatchObject({ ok: true, rows: 0, retired_rows: 3 });
  });

  it('is still told apart when the row that named it has gone with a later month', async () => {
    await threeMonths();
    await aRetention().retire(OLD);
    // As if it had happened long ago: the row that names it was written in a month that is old by now.
    await tamper(
      [`UPDATE audit_retirement SET retired_at = '${NEXT}-15T00:00:00Z'`],
      [`UPDATE audit_event SET occurred_at = '${NEXT}-15T00:00:00Z' WHERE action = 'audit.month_retired'`],
    );
    await seal();
    expect(await verify()).toMatchObject({ ok: true, rows: 22, retired_rows: 14 });
    await aRetention().retire(NEXT);
    expect(await verify()).toMatchObject({ ok: true, rows: 12, retired_rows: 24 });
  });
});

describe('a month is not dropped', () => {
  it('while one of its rows is not sealed', async () => {
    await threeMonths();
    await auditRowsAt(db, tenantId, days(OLD, 1));
    await expect(aRetention().retire(OLD)).rejects.toMatchObject({ code: 'AUDIT_MONTH_UNSEALED' });
    expect(await readdir(join(folder, 'archive'))).toEqual([]);
  });

  it('when a row of it is not as it was sealed: it is evidence', async () => {
    await threeMonths();
    await tamper([`UPDATE ${partition(OLD)} SET actor_id = 'another' WHERE resource_id = 'x3'`]);
    await expect(aRetention().retire(OLD)).rejects.toMatchObject({ code: 'AUDIT_MONTH_DIFFERS', facts: { segment_no: 1 } });
    // One row fewer is what a segment looks like, too, that shares its rows with another month.
    await tamper([`DELETE FROM ${partition(OLD)} WHERE resource_id = 'x3'`]);
    await expect(aRetention().retire(OLD)).rejects.toMatchObject({ code: 'AUDIT_MONTH_DIFFERS', facts: { segment_no: 1 } });
    expect(await aRetention().listDue(3)).toContain(OLD);
  });

  it('when a file of its name holds other rows', async () => {
    await threeMonths();
    const { path } = await new AuditArchives(db.database('ss_worker'), SCOPE, signer, join(folder, 'archive')).write(NEXT);
    await writeFile(join(folder, 'archive', `ss-audit-${OLD}.ndjson.gz`), await readFile(path));
    await expect(aRetention().retire(OLD)).rejects.toMatchObject({ code: 'AUDIT_ARCHIVE_INVALID' });
    expect(await aRetention().listDue(3)).toContain(OLD);
  });

  it('while somebody holds the table, and nothing is left undone when they let go', async () => {
    await threeMonths();
    const reader = await db.session('ss_api', tenantId);
    await reader.query('SELECT count(*) FROM audit_event');
    const retiring = aRetention().retire(OLD);
    await db.untilBlocked();
    await reader.end();
    await retiring;
    expect(await verify()).toMatchObject({ ok: true, retired_rows: 14 });
  });

  it('twice, by two that try at once', async () => {
    await threeMonths();
    const outcomes = await Promise.allSettled([aRetention().retire(OLD), aRetention().retire(OLD)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await readdir(join(folder, 'archive'))).toEqual([`ss-audit-${OLD}.ndjson.gz`]);
    expect(await verify()).toMatchObject({ ok: true, retired_rows: 14 });
  });
});

describe('the database itself refuses', () => {
  const CALL = `SELECT retire_audit_month(
    to_date($1, 'YYYY-MM'), $2::integer, NULL, NULL, ARRAY[1]::bigint[], ARRAY[$2::integer], ARRAY[NULL]::bytea[],
    decode(repeat('00', 32), 'hex'), 'k', 's')`;

  it.each([
    ['a month that is too young', monthsAgo(1), 0],
    ['this month', monthsAgo(0), 0],
    ['a month that is not there', '2001-01', 0],
    ['another number of rows than there are', OLD, 13],
  ])('%s', async (_, month, rows) => {
    await threeMonths();
    const session = await db.session('ss_system');
    expect(await session.refusal(CALL, [month, rows])).toMatchObject({ code: 'SS004' });
    await session.end();
  });

  it('a month with rows that are not sealed', async () => {
    await auditRowsAt(db, tenantId, days(OLD, 2));
    const session = await db.session('ss_system');
    expect(await session.refusal(CALL, [OLD, 2])).toMatchObject({ code: 'SS004', message: expect.stringContaining('sealed') });
    await session.end();
  });

  it('whoever is not a program that works across tenants', async () => {
    for (const role of ['ss_api', 'ss_worker', 'ss_operator'] as const) {
      const session = await db.session(role, tenantId);
      expect(await session.refusal(CALL, [OLD, 0])).toMatchObject({ code: '42501' });
      await session.end();
    }
  });

  it('to let anyone change or drop what it recorded', async () => {
    await threeMonths();
    await aRetention().retire(OLD);
    for (const table of ['audit_retirement', 'audit_retired_rows']) {
      for (const statement of [`DELETE FROM ${table}`, `UPDATE ${table} SET row_count = 1`, `TRUNCATE ${table} CASCADE`]) {
        await expect(db.sql(statement)).rejects.toMatchObject({ code: 'SS003' });
      }
    }
  });

  it('the owner to count past a tenant, but in that function', async () => {
    await threeMonths();
    const session = await db.session('ss_owner');
    await session.query(`SELECT set_config('ss.retires_audit', 'on', true)`);
    expect(await session.query('SELECT FROM audit_event')).toEqual([]);
    await session.end();
  });
});

describe('as the owner of the tables, what is found', () => {
  it('a month that was dropped by hand', async () => {
    await threeMonths();
    await db.sql(`DROP TABLE ${partition(OLD)}`);
    expect(await verify()).toMatchObject({ ok: false, first_bad: { segment_no: 1, problem: 'row_missing' } });
  });

  it('a month whose record is gone', async () => {
    await threeMonths();
    await aRetention().retire(OLD);
    await tamper(['DELETE FROM audit_retired_rows'], ['DELETE FROM audit_retirement']);
    expect(await verify()).toMatchObject({ ok: false, first_bad: { segment_no: 1, problem: 'row_missing' } });
  });

  it('a record that names other rows, or another file, than it was signed for', async () => {
    await threeMonths();
    await aRetention().retire(OLD);
    const first_bad = { segment_no: 1, problem: 'retirement_differs', detail: expect.stringContaining('as it was signed') };
    await tamper([`UPDATE audit_retirement SET archive_sha256 = repeat('a', 64)`]);
    expect(await verify()).toMatchObject({ ok: false, first_bad });
  });

  it('rows that were cut out and put into the record of an honest month', async () => {
    await threeMonths();
    await aRetention().retire(OLD);
    await tamper(
      [`DELETE FROM ${partition(NEXT)} WHERE occurred_at < '${NEXT}-02'`],
      [
        `UPDATE audit_retired_rows AS went SET row_count = segment.row_count, row_digests = NULL
         FROM audit_segment AS segment WHERE segment.segment_no = 2 AND went.segment_no = 2`,
      ],
    );
    expect(await verify()).toMatchObject({ ok: false, first_bad: { problem: 'retirement_differs' } });
  });

  it('a record that somebody else made for a month that they dropped by hand', async () => {
    await threeMonths();
    const forger = CheckpointSigner.fromPem(newSigningKey());
    const record = {
      ...{ month: OLD, rowCount: 14, firstEventId: 1, lastEventId: 16, archiveName: null, archiveSha256: null },
      parts: [] as { segmentNo: number; rowCount: number; rowDigests: Buffer | null }[],
    };
    const [second] = await db.sql<{ digests: Buffer }>(
      'SELECT row_digests AS digests FROM audit_segment WHERE segment_no = 2',
    );
    const digests = Buffer.concat([second!.digests.subarray(0, 48), second!.digests.subarray(80, 96)]);
    record.parts.push({ segmentNo: 1, rowCount: 10, rowDigests: null }, { segmentNo: 2, rowCount: 4, rowDigests: digests });
    const hash = retirementHash(record);
    const { keyId, signature } = forger.signStatement(retirementStatement(hash));
    await db.sql(`DROP TABLE ${partition(OLD)}`);
    await tamper(
      [
        `INSERT INTO audit_retirement (month, row_count, first_event_id, last_event_id, record_sha256, key_id, signature)
         VALUES ('${OLD}-01', 14, 1, 16, $1, $2, $3)`,
        [hash, keyId, signature],
      ],
      [`INSERT INTO audit_retired_rows VALUES ('${OLD}-01', 1, 10, NULL), ('${OLD}-01', 2, 4, $1)`, [digests]],
    );
    // No row of the audit names it; when one is forged too, the signature is another's.
    const named = expect.stringContaining('named by no row');
    expect(await verify(forger.publicKey)).toMatchObject({ ok: false });
    const unsigned = new AuditVerifier(db.database('ss_operator'), SCOPE);
    expect(await unsigned.verify()).toMatchObject({ first_bad: { problem: 'retirement_differs', detail: named } });
    await db.sql(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, metadata)
       VALUES ('@platform', 'worker', 'w', 'audit.month_retired', 'audit_month', $1, 'worker', $2)`,
      [OLD, JSON.stringify({ record_sha256: hash.toString('hex') })],
    );
    const signed = expect.stringContaining('not signed by the key');
    expect(await verify()).toMatchObject({
      ok: false,
      first_bad: { segment_no: 1, problem: 'retirement_differs', detail: signed },
    });
  });
});
