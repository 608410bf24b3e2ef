import { anAuditEvent, aTenant, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditBacklog, type AuditBacklog } from './audit-backlog.js';
import { AuditSeal } from './audit-seal.js';
import { CheckpointSigner, newSigningKey } from './checkpoint.js';
import { CheckpointFolder } from './checkpoint-folder.js';

const SCOPE = { actor: { kind: 'worker', id: 'sealer' }, source: 'test' } as const;

let db: TestDatabase;
let folder: string;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-backlog-'));
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true });
});

const backlog = (): Promise<AuditBacklog> => db.database('ss_worker').acrossTenants(SCOPE, auditBacklog);

it('tells how much of the audit waits for its seal, and since when', async () => {
  const seal = new AuditSeal(
    db.database('ss_worker'),
    SCOPE,
    CheckpointSigner.fromPem(newSigningKey()),
    new CheckpointFolder(folder),
    10,
  );
  const tenantId = await aTenant(db);
  for (let n = 0; n < 3; n++) await anAuditEvent(db, tenantId);
  const before = await backlog();
  expect(before.unsealedRows).toBeGreaterThanOrEqual(3);
  expect(before.rows).toBeGreaterThanOrEqual(before.unsealedRows);
  expect(before.sealAgeSeconds).toBeGreaterThan(0);
  await seal.seal();
  expect(await backlog()).toEqual({ rows: before.rows, unsealedRows: 0, sealAgeSeconds: 0 });
  await anAuditEvent(db, tenantId);
  expect(await backlog()).toMatchObject({ rows: before.rows + 1, unsealedRows: 1 });
});
