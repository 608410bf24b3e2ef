import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anAuditMonth, aTenant, auditRowsAt, monthsAgo, type TestDatabase, testDatabase } from '#testing';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { archiveLines } from './archive-lines.js';
import { manifestLine, readManifest } from './archive-manifest.js';
import { type ProvenArchive, verifyArchive } from './archive-proof.js';
import { compareWithSeals } from './archive-seals.js';
import { type Archive, AuditArchives } from './audit-archives.js';
import { type AuditMonth, auditMonth } from './audit-month.js';
import { AuditRetention } from './audit-retention.js';
import { AuditSeal } from './audit-seal.js';
import { CheckpointSigner, newSigningKey } from './checkpoint.js';
import { CheckpointFolder } from './checkpoint-folder.js';

const SCOPE = { actor: { kind: 'operator', id: 'archivist' }, source: 'test' } as const;
const MONTH = auditMonth(monthsAgo(3));
const AFTER = auditMonth(monthsAgo(2));

/** What has broken formats of lines, of rows and of JSON before. */
const HOSTILE = [
  '',
  ' ',
  'NULL',
  '"',
  '\\',
  '\\"\\\\""',
  '(),"),(',
  'a\nb\r\nc\td',
  '\u0001\u001f\u007f',
  'a\u2028b\u2029c\u0085d',
  '\ufeff\ufffd',
  '😀 é e\u0301 \u202e',
  '{"manifest":{}}',
  '</script>${x}%s\\u0000',
  'x'.repeat(200_000),
];

let db: TestDatabase;
let folder: string;
let signer: CheckpointSigner;
let archive: Archive;
let lines: string[];

beforeAll(async () => {
  db = await testDatabase();
  const tenantId = await aTenant(db);
  folder = await mkdtemp(join(tmpdir(), 'ss-archives-'));
  signer = CheckpointSigner.fromPem(newSigningKey());
  await anAuditMonth(db, MONTH);
  await anAuditMonth(db, AFTER);
  for (const text of HOSTILE) await auditRowsAt(db, tenantId, [`${MONTH}-03T04:05:06.070809Z`], text);
  // The last segment reaches into the month after.
  await auditRowsAt(db, tenantId, [`${AFTER}-01T00:00:00Z`, `${MONTH}-28T23:59:59.999999Z`, `${AFTER}-02T00:00:00Z`]);
  const checkpoints = new CheckpointFolder(join(folder, 'checkpoints'));
  await new AuditSeal(db.database('ss_worker'), SCOPE, signer, checkpoints, 5).seal();
  archive = await write(MONTH);
  lines = gunzipSync(await readFile(archive.path)).toString('utf8').split('\n').slice(0, -1);
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true });
});

const write = async (month: AuditMonth, into = 'archive'): Promise<Archive> =>
  new AuditArchives(db.database('ss_operator'), SCOPE, signer, join(folder, into)).write(month);
const compare = async (proven: ProvenArchive): Promise<unknown> =>
  compareWithSeals(db.database('ss_operator'), SCOPE, proven);

/** The file with other lines, or bytes. */
async function changed(content: readonly string[] | Buffer): Promise<string> {
  const path = join(folder, 'changed.ndjson.gz');
  await writeFile(path, Buffer.isBuffer(content) ? content : gzipSync(content.map((line) => `${line}\n`).join('')));
  return path;
}
const refused = (reason: string): object => ({
  code: 'AUDIT_ARCHIVE_INVALID',
  message: expect.stringContaining(reason),
});

describe('an archive of a month', () => {
  it('has each row with its fields, whatever text is in it, and proves it from its lines alone', async () => {
    const proven = await verifyArchive(archive.path, signer.publicKey);
    expect(proven).toMatchObject({ sha256: archive.sha256, manifest: { month: MONTH, rows: HOSTILE.length + 1 } });
    expect(proven.manifest.segments.map(({ rows, row_count }) => [rows, row_count])).toEqual([
      [5, 5],
      [5, 5],
      [5, 5],
      [1, 3],
    ]);
    expect(proven.manifest.checkpoint).toMatchObject({ segment_no: 4, key_id: signer.keyId });

    const read: Record<string, unknown>[] = [];
    for await (const line of archiveLines(archive.path)) read.push(JSON.parse(line) as Record<string, unknown>);
    const rows = read.slice(0, HOSTILE.length);
    expect(rows.map(({ actor_id }) => actor_id)).toEqual(HOSTILE);
    expect(rows.map(({ changes }) => changes)).toEqual(HOSTILE.map((text) => ({ n: 1, text })));
    expect(rows[0]).toMatchObject({ occurred_at: `${MONTH}-03T04:05:06.070809Z`, from_status: null, reason: '' });
    expect(await compare(proven)).toEqual({ isRetired: false });
  });

  it('is the same file each time, and stays when it is written again', async () => {
    expect(await write(MONTH)).toEqual(archive);
    expect((await write(MONTH, 'another')).sha256).toBe(archive.sha256);
  });

  it('leaves nothing when it is given up', async () => {
    const archives = new AuditArchives(db.database('ss_operator'), SCOPE, signer, join(folder, 'stopped'));
    await expect(archives.write(MONTH, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(join(folder, 'stopped'))).toEqual([]);
  });

  it('is refused for a month that the audit does not have, and for one that goes on', async () => {
    await expect(write(auditMonth(monthsAgo(0)))).rejects.toMatchObject({ code: 'AUDIT_MONTH_OPEN' });
    await expect(write(auditMonth('2001-01'))).rejects.toMatchObject({ code: 'AUDIT_MONTH_NOT_FOUND' });
    expect(() => auditMonth('2026-13')).toThrow(expect.objectContaining({ code: 'AUDIT_MONTH_INVALID' }));
  });
});

describe('an archive is not believed', () => {
  it.each<[string, (all: string[]) => string[], string]>([
    ['with a field that was changed', (all) => all.with(3, all[3]!.replace('test.done', 'test.gone')), 'is not what was written'],
    ['with a row that was changed throughout', (all) => all.with(3, all[3]!.replaceAll('test.done', 'test.gone')), 'sealed'],
    ['without one of its rows', (all) => all.toSpliced(3, 1), 'rows, and its manifest'],
    ['with a row twice', (all) => all.toSpliced(3, 0, all[3]!), 'rows, and its manifest'],
    ['with two rows that changed places', (all) => all.with(3, all[4]!).with(4, all[3]!), 'sealed'],
    ['without its manifest', (all) => all.slice(0, -1), 'without its manifest'],
    ['with lines behind its manifest', (all) => [...all, all[0]!], 'behind its manifest'],
    ['with a manifest that was changed', (all) => all.with(-1, all.at(-1)!.replace('"version":1', '"version":1 ')), 'as it was written'],
    ['with a month that was changed', (all) => all.with(-1, all.at(-1)!.replace(MONTH, AFTER)), 'not signed by the key'],
  ])('%s', async (_, change, reason) => {
    const path = await changed(change([...lines]));
    await expect(verifyArchive(path, signer.publicKey)).rejects.toMatchObject(refused(reason));
  });

  it('when it was cut, is no gzip, or is not text', async () => {
    const bytes = await readFile(archive.path);
    for (const [content, reason] of [
      [bytes.subarray(0, bytes.length - 20), 'not whole'],
      [Buffer.from('{}\n'), 'not compressed'],
      [gzipSync(Buffer.from([0xff, 0x0a])), 'UTF-8'],
      [gzipSync('{}'), 'no end'],
      [Buffer.alloc(0), 'not whole'],
    ] as const) {
      await expect(verifyArchive(await changed(content), null)).rejects.toMatchObject(refused(reason));
    }
    await expect(verifyArchive(join(folder, 'none'), null)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('when somebody made it anew: another key has signed it, and its seals are not those of the database', async () => {
    const forger = CheckpointSigner.fromPem(newSigningKey());
    const { manifest } = readManifest(lines.at(-1)!);
    const signedAnew = await changed(lines.with(-1, manifestLine(manifest, forger)));
    await expect(verifyArchive(signedAnew, signer.publicKey)).rejects.toMatchObject(refused('not signed by the key'));

    const other = await testDatabase();
    try {
      await anAuditMonth(other, MONTH);
      await auditRowsAt(other, await aTenant(other), [`${MONTH}-03T00:00:00Z`]);
      const database = other.database('ss_worker');
      await new AuditSeal(database, SCOPE, signer, new CheckpointFolder(join(folder, 'other/checkpoints'))).seal();
      const { path } = await new AuditArchives(database, SCOPE, signer, join(folder, 'other')).write(MONTH);
      const proven = await verifyArchive(path, signer.publicKey);
      await expect(compare(proven)).rejects.toMatchObject(refused('this database'));
    } finally {
      await other.drop();
    }
  });

  it('when the month was dropped with another file', async () => {
    const archives = new AuditArchives(db.database('ss_worker'), SCOPE, signer, join(folder, 'archive'));
    await new AuditRetention(db.database('ss_worker'), SCOPE, signer, archives).retire(MONTH);
    expect(await compare(await verifyArchive(archive.path, signer.publicKey))).toEqual({ isRetired: true });
    const another = gzipSync(gunzipSync(await readFile(archive.path)), { level: 1 });
    const proven = await verifyArchive(await changed(another), signer.publicKey);
    await expect(compare(proven)).rejects.toMatchObject(refused('when the month was dropped'));
  });
});
