import { AuditRetention, AuditSeal, CheckpointFolder, openSigner } from '#audit';
import {
  anAuditMonth,
  aTenant,
  auditRowsAt,
  eventually,
  HeardLog,
  monthsAgo,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditKeeper } from './audit-keeper.js';

const SCOPE = { actor: { kind: 'worker', id: 'w' }, source: 'worker' } as const;
const [OLD, NEXT] = [monthsAgo(5), monthsAgo(4)];

let db: TestDatabase;
let tenantId: string;
let folder: string;
let log: HeardLog;
let keeper: AuditKeeper | null;
let seal: AuditSeal;

beforeEach(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-keeper-'));
  log = new HeardLog();
  keeper = null;
  const signer = await openSigner(join(folder, 'key.pem'));
  seal = new AuditSeal(
    db.database('ss_worker'),
    SCOPE,
    signer,
    new CheckpointFolder(join(folder, 'checkpoints')),
  );
  tenantId = await aTenant(db);
  for (const month of [OLD, NEXT]) await anAuditMonth(db, month);
});
afterEach(async () => {
  await keeper?.stop();
  await db.drop();
  await rm(folder, { recursive: true });
});

const aRowIn = async (month: string): Promise<unknown> =>
  auditRowsAt(db, tenantId, [`${month}-03T00:00:00Z`]);

async function keep(keepMonths: number | null): Promise<void> {
  const database = db.database('ss_worker');
  const retention = new AuditRetention(database, SCOPE, await openSigner(join(folder, 'key.pem')), null);
  keeper = new AuditKeeper({ database, scope: SCOPE, retention, keepMonths }, log.logger, 20);
  keeper.start(0);
}

const monthsThere = async (): Promise<string[]> => {
  const rows = await db.sql<{ month: string }>(
    `SELECT to_char(occurred_at, 'YYYY-MM') AS month FROM audit_event WHERE action = 'test.done' ORDER BY 1`,
  );
  return rows.map(({ month }) => month);
};

it('tries a month again whose rows are sealed later', async () => {
  await aRowIn(OLD);
  await aRowIn(NEXT);
  await keep(3);
  await eventually(() => log.lines('SS_AUDIT_MONTH_KEPT').length >= 2);
  expect(log.lines('SS_AUDIT_MONTH_KEPT')[0]).toMatchObject({ level: 'warn', month: OLD });
  expect(await monthsThere()).toEqual([OLD, NEXT]);
  await seal.seal();
  await eventually(() => log.lines('SS_AUDIT_MONTH_RETIRED').length === 2);
  expect(await monthsThere()).toEqual([]);
});

it('keeps a month that is evidence, wakes a person, and goes on with the next', async () => {
  for (const month of [OLD, NEXT]) {
    await aRowIn(month);
    // A segment each: one that shares its rows with evidence stays too.
    await seal.seal();
  }
  await db.sql('SET session_replication_role = replica');
  await db.sql(`UPDATE audit_event SET actor_id = 'another' WHERE occurred_at < '${NEXT}-01'`);
  await db.sql('RESET session_replication_role');
  await keep(3);
  await eventually(() => log.lines('SS_AUDIT_MONTH_RETIRED').length === 1);
  expect(log.lines('SS_AUDIT_MONTH_KEPT')[0]).toMatchObject({ level: 'error', month: OLD });
  expect(await monthsThere()).toEqual([OLD]);
});

it('drops nothing when no policy is set, and still makes room for the months to come', async () => {
  await aRowIn(OLD);
  await seal.seal();
  await db.sql(`DROP TABLE audit_event_${monthsAgo(-24).replace('-', '_')}`);
  await keep(null);
  await eventually(() => log.lines('SS_AUDIT_PARTITIONS_MADE').length === 1);
  await keeper?.stop();
  expect(await monthsThere()).toEqual([OLD]);
});
