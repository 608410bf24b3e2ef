import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditSeal } from './audit-seal.js';
import { AuditVerifier, type Verification } from './audit-verifier.js';
import { CheckpointSigner, newSigningKey } from './checkpoint.js';
import { CheckpointFolder } from './checkpoint-folder.js';
import { segmentHash } from './segment.js';
import { openSigner } from './signing-key.js';

const SCOPE = { actor: { kind: 'worker', id: 'sealer' }, source: 'test' } as const;
/** Small, so that a few rows are several segments. */
const SEGMENT_ROWS = 10;

let db: TestDatabase;
let tenantId: string;
let folder: string;
let signer: CheckpointSigner;

beforeEach(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
  folder = await mkdtemp(join(tmpdir(), 'ss-checkpoints-'));
  signer = CheckpointSigner.fromPem(newSigningKey());
});
afterEach(async () => {
  await db.drop();
  await rm(folder, { recursive: true });
});

const outside = (): CheckpointFolder => new CheckpointFolder(folder);
const aSeal = (): AuditSeal => new AuditSeal(db.database('ss_worker'), SCOPE, signer, outside(), SEGMENT_ROWS);
const verify = async (): Promise<Verification> =>
  new AuditVerifier(db.database('ss_operator'), SCOPE).verify({
    checkpoints: await outside().read(),
    publicKey: signer.publicKey,
  });

async function write(rows: number): Promise<number[]> {
  const written = await db.sql<{ event_id: number }>(
    `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, reason, changes)
     SELECT $1, 'operator', 'a' || n, 'test.done', 'test', 'x' || n, 'test', E'a\\ttab and a \\n line', '{"b": [1, 2]}'
     FROM generate_series(1, $2) AS n RETURNING event_id`,
    [tenantId, rows],
  );
  return written.map((row) => row.event_id).sort((a, b) => a - b);
}

/** As somebody who owns the tables and takes the guards away for a moment. */
async function tamper(statement: string, values: unknown[] = []): Promise<void> {
  await db.sql('SET session_replication_role = replica');
  await db.sql(statement, values);
  await db.sql('RESET session_replication_role');
}

describe('a sealed audit', () => {
  let events: number[];
  beforeEach(async () => {
    events = await write(35);
    expect(await aSeal().seal()).toMatchObject({ segments: 4, rows: 35, checkpoint: { segmentNo: 4 } });
  });

  it('is found whole, and goes on where it ended', async () => {
    expect(await verify()).toEqual({ ok: true, segments: 4, rows: 35, retired_rows: 0, first_bad: null });
    await write(3);
    expect(await aSeal().seal()).toMatchObject({ segments: 1, rows: 3 });
    expect(await aSeal().seal()).toEqual({ segments: 0, rows: 0, checkpoint: null });
    expect(await verify()).toEqual({ ok: true, segments: 5, rows: 38, retired_rows: 0, first_bad: null });
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('tells a row that was changed', async () => {
    await tamper(`UPDATE audit_event SET actor_id = 'somebody else' WHERE event_id = $1`, [events[13]]);
    const first_bad = { segment_no: 2, event_id: events[13], problem: 'row_changed' };
    expect(await verify()).toMatchObject({ ok: false, segments: 1, rows: 10, first_bad });
  });

  it('tells a row that is gone, in the middle and at the end of a segment', async () => {
    await tamper('DELETE FROM audit_event WHERE event_id = $1', [events[29]]);
    const atEnd = { segment_no: 3, event_id: events[28], problem: 'row_missing' };
    expect(await verify()).toMatchObject({ ok: false, first_bad: atEnd });
    await tamper('DELETE FROM audit_event WHERE event_id = $1', [events[13]]);
    const inside = { segment_no: 2, event_id: events[12], problem: 'row_missing' };
    expect(await verify()).toMatchObject({ ok: false, first_bad: inside });
  });

  it('tells a row that was put in', async () => {
    await tamper(
      `INSERT INTO audit_event (
         tenant_id, event_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, source
       ) OVERRIDING SYSTEM VALUE
       VALUES ($1, $2, now() - interval '1 hour', 'operator', 'x', 'test.forged', 'test', 'x', 'test')`,
      [tenantId, events[13]],
    );
    // It bears the number of another row, and may come before or after it.
    const first_bad = { segment_no: 2, problem: 'row_inserted' };
    expect(await verify()).toMatchObject({ ok: false, first_bad });
  });

  it('tells two rows that changed places', async () => {
    const [one, two] = [events[21], events[24]];
    await tamper(
      `UPDATE audit_event AS a SET actor_id = b.actor_id, resource_id = b.resource_id
       FROM audit_event AS b
       WHERE (a.event_id = $1 AND b.event_id = $2) OR (a.event_id = $2 AND b.event_id = $1)`,
      [one, two],
    );
    expect(await verify()).toMatchObject({ ok: false, first_bad: { segment_no: 3, event_id: one } });
  });

  it('tells an end that was cut off, by the checkpoint outside', async () => {
    await tamper('DELETE FROM audit_checkpoint');
    await tamper('DELETE FROM audit_segment WHERE segment_no >= 3');
    await tamper('DELETE FROM audit_event WHERE event_id > $1', [events[19]]);
    expect(await verify()).toMatchObject({
      ok: false,
      segments: 2,
      first_bad: { segment_no: 3, event_id: events[19], problem: 'segment_missing' },
    });
  });

  it('tells a segment that is gone from the middle', async () => {
    await tamper('DELETE FROM audit_segment WHERE segment_no = 2');
    expect(await verify()).toMatchObject({
      ok: false,
      segments: 1,
      first_bad: { segment_no: 2, problem: 'segment_missing' },
    });
  });

  it('tells a segment that was made anew over changed rows', async () => {
    await tamper(`UPDATE audit_event SET reason = 'a better one' WHERE event_id = $1`, [events[13]]);
    await tamper('DELETE FROM audit_checkpoint');
    await tamper('DELETE FROM audit_segment WHERE segment_no >= 2');
    const forger = CheckpointSigner.fromPem(newSigningKey());
    const nowhere = await mkdtemp(join(tmpdir(), 'ss-checkpoints-'));
    await new AuditSeal(db.database('ss_worker'), SCOPE, forger, new CheckpointFolder(nowhere), SEGMENT_ROWS).seal();
    await rm(nowhere, { recursive: true });
    // The rows agree with the new chain; the chain does not agree with what was signed.
    expect(await verify()).toMatchObject({
      ok: false,
      segments: 3,
      first_bad: { segment_no: 4, problem: 'checkpoint_differs' },
    });
  });

  it('tells a segment whose hash was not made anew', async () => {
    const [row] = await db.sql<{ digests: Buffer }>(
      'SELECT row_digests AS digests FROM audit_segment WHERE segment_no = 2',
    );
    const digests = Buffer.from(row!.digests);
    digests[0] = digests[0]! ^ 1;
    await tamper('UPDATE audit_segment SET row_digests = $1 WHERE segment_no = 2', [digests]);
    expect(await verify()).toMatchObject({ ok: false, first_bad: { segment_no: 2, problem: 'chain_broken' } });
  });

  it('trusts no checkpoint that another key has signed', async () => {
    const forger = CheckpointSigner.fromPem(newSigningKey());
    const [last] = await db.sql<{ hash: Buffer }>(
      'SELECT segment_hash AS hash FROM audit_segment WHERE segment_no = 4',
    );
    const forged = forger.sign({ segmentNo: 4, segmentHash: last!.hash });
    const verifier = new AuditVerifier(db.database('ss_operator'), SCOPE);
    expect(await verifier.verify({ checkpoints: [forged], publicKey: signer.publicKey })).toMatchObject({
      ok: false,
      first_bad: { segment_no: 4, problem: 'checkpoint_differs' },
    });
  });

  it('can be looked at in part', async () => {
    await tamper(`UPDATE audit_event SET actor_id = 'x' WHERE event_id = $1`, [events[3]]);
    const verifier = new AuditVerifier(db.database('ss_operator'), SCOPE);
    expect(await verifier.verify({ fromSegment: 2 })).toMatchObject({ ok: true, segments: 3 });
    expect(await verifier.verify({ toSegment: 1 })).toMatchObject({ ok: false });
  });
});

it('is refused to everyone, once it is sealed, to change or drop', async () => {
  await write(5);
  await aSeal().seal();
  for (const table of ['audit_segment', 'audit_checkpoint']) {
    for (const statement of [`DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`]) {
      await expect(db.sql(statement)).rejects.toMatchObject({ code: 'SS003' });
    }
  }
  const api = await db.session('ss_api', tenantId);
  expect(await api.refusal('DELETE FROM audit_segment')).toMatchObject({ code: '42501' });
  await api.end();
});

it('waits for whoever may still add a row, and not for readers', async () => {
  const reader = await db.session('ss_api', tenantId);
  await reader.query('SELECT count(*) FROM audit_event');
  const late = await db.session('ss_api', tenantId);
  const insert = `
    INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source)
    VALUES ($1, 'operator', 'late', 'test.done', 'test', 'late', 'test')`;
  await late.query(insert, [tenantId]);
  await write(12);
  const seal = aSeal();
  expect(await seal.seal()).toMatchObject({ segments: 0 });
  expect(await seal.seal()).toMatchObject({ segments: 0 });
  await late.query('COMMIT');
  expect(await seal.seal()).toMatchObject({ segments: 2, rows: 13 });
  expect(await verify()).toMatchObject({ ok: true, rows: 13 });
  await Promise.all([late.end(), reader.end()]);
});

it('is done once, however many do it at once, while others write', async () => {
  const seals = Array.from({ length: 4 }, () => aSeal());
  const writing = (async () => {
    for (let n = 0; n < 10; n++) await write(7);
  })();
  for (let n = 0; n < 10; n++) await Promise.all(seals.map((seal) => seal.seal()));
  await writing;
  let last: number;
  do last = (await aSeal().seal()).segments;
  while (last > 0);
  expect(await verify()).toMatchObject({ ok: true, rows: 70 });
});

describe('the key that signs', () => {
  it('is made once, and only its owner can read it', async () => {
    const path = join(folder, 'keys/audit.pem');
    const [one, two] = await Promise.all([openSigner(path), openSigner(path)]);
    expect(one.keyId).toBe(two.keyId);
    expect(await readFile(path, 'utf8')).toContain('PRIVATE KEY');
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect(await readdir(join(folder, 'keys'))).toEqual(['audit.pem']);
  });
});

it('hashes a segment to what anyone can compute from the description', () => {
  const content = {
    segmentNo: 1,
    afterEventId: 0,
    toEventId: 2,
    rowCount: 1,
    rowDigests: Buffer.alloc(16, 7),
    previousHash: Buffer.alloc(32),
  };
  expect(segmentHash(content).toString('hex')).toBe(
    'eef6f5db8b1b18a56348a3376e548dd0643dccd99d2a5429fe4f5e7644787303',
  );
});
