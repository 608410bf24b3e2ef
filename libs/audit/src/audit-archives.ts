import type { Database, Scope } from '#database';
import { createHash, type Hash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { type ArchivedCheckpoint, type ArchiveManifest, manifestLine } from './archive-manifest.js';
import { verifyArchive } from './archive-proof.js';
import { archivedLine } from './archived-row.js';
import type { AuditMonth } from './audit-month.js';
import { AuditArchiveInvalid } from './audit-refusals.js';
import type { Checkpoint, CheckpointSigner } from './checkpoint.js';
import { type MonthPart, type MonthSize, MonthWalk, retiredRows } from './month-walk.js';
import type { RetiredRows } from './retirement.js';

/** A month as a file. */
export interface Archive {
  path: string;
  name: string;
  sha256: string;
  rows: number;
  /** What of each segment is in it. */
  parts: RetiredRows[];
}

/** A worker has other work to do meanwhile: some milliseconds at a time are for lines. */
const ROWS_AT_ONCE = 200;

const LAST_CHECKPOINT = `
  SELECT segment_no AS "segmentNo", segment_hash AS "segmentHash", key_id AS "keyId", signature
  FROM audit_checkpoint
  WHERE segment_no BETWEEN $1 AND $2
  ORDER BY segment_no DESC
  LIMIT 1`;

/** Writes months of the audit to compressed files, one a month, that can be proven without the database. */
export class AuditArchives {
  private readonly walk: MonthWalk;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly signer: CheckpointSigner,
    private readonly folder: string,
  ) {
    this.walk = new MonthWalk(database, scope);
  }

  /**
   * Writes the month, whole or not at all, and reads it back from the disk. A file that is there already stays, and is
   * the answer where it holds the same rows; where it holds others, the month is refused.
   */
  async write(month: AuditMonth, signal?: AbortSignal): Promise<Archive> {
    const size = await this.walk.measure(month);
    await mkdir(this.folder, { recursive: true });
    const name = `ss-audit-${month}.ndjson.gz`;
    const path = join(this.folder, name);
    const draft = join(this.folder, `.${name}.${randomUUID()}`);
    const writing = new MonthWriting(month, size);
    try {
      const lines = writing.lines(this.walk.parts(month, size, signal), (manifest) => this.sign(manifest));
      const file = createWriteStream(draft, { flags: 'wx', mode: 0o600 });
      await pipeline(Readable.from(lines), createGzip(), file, ...(signal ? [{ signal }] : []));
      await flush(draft);
      await link(draft, path).catch((error: unknown) => {
        if (!isTaken(error)) throw error;
      });
      await flush(this.folder);
    } finally {
      await rm(draft, { force: true });
    }
    const { manifest, sha256 } = await verifyArchive(path, null);
    if (manifest.content_sha256 !== writing.contentSha256) {
      throw new AuditArchiveInvalid('the file that has its name holds other rows.', { path });
    }
    return { path, name, sha256, rows: size.rows, parts: writing.parts };
  }

  private async sign(manifest: ArchiveManifest): Promise<string> {
    const [first, last] = [manifest.segments.at(0), manifest.segments.at(-1)];
    const checkpoint = first && last ? await this.checkpoint(first.segment_no, last.segment_no) : null;
    return manifestLine({ ...manifest, checkpoint }, this.signer);
  }

  private async checkpoint(from: number, to: number): Promise<ArchivedCheckpoint | null> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const [kept] = await tx.query<Checkpoint & Record<string, unknown>>(LAST_CHECKPOINT, [from, to]);
      if (!kept) return null;
      const { segmentNo, segmentHash, keyId, signature } = kept;
      return {
        segment_no: segmentNo,
        segment_hash: segmentHash.toString('hex'),
        key_id: keyId,
        signature: signature.toString('base64'),
      };
    });
  }
}

/** The lines of one archive while they are made, and what is known when the last is. */
class MonthWriting {
  readonly parts: RetiredRows[] = [];
  contentSha256 = '';
  private readonly content: Hash = createHash('sha256');

  constructor(
    private readonly month: AuditMonth,
    private readonly size: MonthSize,
  ) {}

  async *lines(
    parts: AsyncIterable<MonthPart>,
    sign: (manifest: ArchiveManifest) => Promise<string>,
  ): AsyncGenerator<string> {
    const segments: ArchiveManifest['segments'] = [];
    for await (const part of parts) {
      segments.push(archivedSegment(part));
      const retired = retiredRows(part);
      if (!retired) continue;
      this.parts.push(retired);
      for (let at = 0; at < part.texts.length; at += ROWS_AT_ONCE) {
        const rows = part.texts.slice(at, at + ROWS_AT_ONCE);
        const text = rows.map((row) => `${archivedLine(row)}\n`).join('');
        this.content.update(text);
        yield text;
        await setImmediate();
      }
    }
    this.contentSha256 = this.content.digest('hex');
    const { rows, firstEventId, lastEventId } = this.size;
    const manifest: ArchiveManifest = {
      format: 'ss-audit-archive',
      version: 1,
      month: this.month,
      rows,
      first_event_id: firstEventId,
      last_event_id: lastEventId,
      content_sha256: this.contentSha256,
      segments,
      checkpoint: null,
    };
    yield `${await sign(manifest)}\n`;
  }
}

function archivedSegment({ segment, texts, isWhole }: MonthPart): ArchiveManifest['segments'][number] {
  return {
    segment_no: segment.segmentNo,
    after_event_id: segment.afterEventId,
    to_event_id: segment.toEventId,
    row_count: segment.rowCount,
    rows: texts.length,
    previous_hash: segment.previousHash.toString('hex'),
    segment_hash: segment.segmentHash.toString('hex'),
    row_digests: isWhole ? null : segment.rowDigests.toString('base64'),
  };
}

/** Rows are dropped for the file’s sake: it must be on the disk, and not only on its way there. */
async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function isTaken(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST';
}
