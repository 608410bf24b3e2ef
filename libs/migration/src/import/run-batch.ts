import { span } from '#observability';
import { realpath } from 'node:fs/promises';
import { walk } from '../tree/walk.js';
import type { BatchOptions } from './batch-options.js';
import type { MigrationItem } from './item.js';
import type { JobImport } from './job-import.js';
import { isItem, read, type ReadFile } from './prepare.js';

/** Large enough for sets to pay, small enough that a chunk and its rows stay small in memory. */
const CHUNK_FILES = 1_000;
const CHUNK_BYTES = 8 * 1024 * 1024;

export interface BatchResult {
  batchId: string | null;
  counts: Record<string, number>;
  /** How many files each reason was given for. */
  reasons: Record<string, number>;
  /** What became of the queue's records; null where none were asked about. */
  queue: Record<string, number> | null;
}

/** Called with the items of each chunk, when they are committed. */
export type OnItems = (items: readonly MigrationItem[]) => void | Promise<void>;

/** Lifts a whole tree. What was committed stays; started again, it goes on where it was. */
export async function runBatch(
  jobs: JobImport,
  options: BatchOptions,
  onItems: OnItems,
): Promise<BatchResult> {
  return span('migration batch', { place: 'new' }, async (open) => {
    const result = await runWithin(jobs, options, onItems);
    open.set(
      Object.fromEntries(Object.entries(result.counts).map(([name, n]) => [`ss.migration.${name}`, n])),
    );
    return result;
  });
}

async function runWithin(jobs: JobImport, options: BatchOptions, onItems: OnItems): Promise<BatchResult> {
  const root = await realpath(options.root);
  const given = { ...options, root };
  const batchId = options.dryRun ? null : await jobs.batches.open('run', given);
  const counts: Record<string, number> = { migrated: 0, repaired: 0, quarantined: 0, unchanged: 0 };
  const reasons: Record<string, number> = {};
  const under = new Underway(options.concurrency);
  let chunk = new Chunk();
  const send = async (): Promise<void> => {
    const { files, items } = chunk;
    chunk = new Chunk();
    const attributes = { 'ss.migration.files': files.length + items.length };
    await under.add(() =>
      span('migration chunk', { attributes }, async () => {
        const told = await jobs.importFiles(files, items, batchId, given);
        for (const item of told) tally(item, counts, reasons);
        await onItems(told);
      }),
    );
  };
  try {
    for await (const found of walk(root, options.tenants)) {
      chunk.add(read(found, root));
      if (chunk.isFull) await send();
    }
    if (!chunk.isEmpty) await send();
  } finally {
    await under.settle();
  }
  under.throwIfFailed();
  const queue =
    given.queue === null ? null : await tellQueue(jobs, { ...given, queue: given.queue }, batchId, onItems);
  if (batchId !== null) await jobs.batches.close(batchId, counts);
  return { batchId, counts, reasons, queue };
}

async function tellQueue(
  jobs: JobImport,
  options: BatchOptions & { queue: string },
  batchId: string | null,
  onItems: OnItems,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = { enqueue: 0, ignored: 0, quarantined: 0 };
  for await (const items of jobs.reconcileQueue(options, batchId)) {
    for (const item of items) tally(item, counts, {});
    await onItems(items);
  }
  return counts;
}

/** How many places the walk will come to. Opens folders, and no file. */
export async function countFiles(options: Pick<BatchOptions, 'root' | 'tenants'>): Promise<number> {
  let count = 0;
  for await (const found of walk(options.root, options.tenants)) if (found.path !== '') count++;
  return count;
}

function tally(item: MigrationItem, counts: Record<string, number>, reasons: Record<string, number>): void {
  counts[item.outcome] = (counts[item.outcome] ?? 0) + 1;
  for (const reason of item.reasons) reasons[reason] = (reasons[reason] ?? 0) + 1;
}

class Chunk {
  readonly files: ReadFile[] = [];
  readonly items: MigrationItem[] = [];
  private bytes = 0;

  add(read: ReadFile | MigrationItem | null): void {
    if (read === null) return;
    if (isItem(read)) this.items.push(read);
    else {
      this.files.push(read);
      this.bytes += read.content.bytes.length;
    }
  }

  get isFull(): boolean {
    return this.files.length + this.items.length >= CHUNK_FILES || this.bytes >= CHUNK_BYTES;
  }

  get isEmpty(): boolean {
    return this.files.length + this.items.length === 0;
  }
}

/** At most so many at a time; after a failure nothing more begins. */
class Underway {
  private readonly running = new Set<Promise<void>>();
  private failure: { error: unknown } | null = null;

  constructor(private readonly limit: number) {}

  async add(work: () => Promise<void>): Promise<void> {
    while (this.running.size >= this.limit) await Promise.race(this.running);
    this.throwIfFailed();
    const run = work()
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => this.running.delete(run));
    this.running.add(run);
  }

  async settle(): Promise<void> {
    await Promise.all(this.running);
  }

  throwIfFailed(): void {
    if (this.failure) throw this.failure.error;
  }
}
