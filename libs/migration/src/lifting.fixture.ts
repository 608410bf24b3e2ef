import { FolderArtifactStore } from '#artifacts';
import type { Database, Scope } from '#database';
import { createLogger } from '#observability';
import { Queue } from '#queue';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { BatchOptions } from './import/batch-options.js';
import type { MigrationItem } from './import/item.js';
import { JobImport } from './import/job-import.js';
import { type BatchResult, runBatch } from './import/run-batch.js';

export const OPERATOR: Scope = { actor: { kind: 'operator', id: 'tester' }, source: 'test' };

/** Lifting as the command line puts it together, with a folder for files and the log in memory. */
export class Lifting {
  private readonly log = new PassThrough();

  private constructor(
    readonly jobs: JobImport,
    readonly store: FolderArtifactStore,
    private readonly queue: Queue,
    private readonly folder: string,
  ) {}

  static async start(database: Database): Promise<Lifting> {
    const queue = new Queue(database, OPERATOR, { consumes: false, onError: () => undefined });
    await queue.start();
    const folder = await mkdtemp(join(tmpdir(), 'ss-lifted-'));
    const store = new FolderArtifactStore(folder);
    const log = new PassThrough();
    const logger = createLogger({ program: 'test', level: 'info' }, log);
    const lifting = new Lifting(
      new JobImport(database, queue, store, OPERATOR, logger),
      store,
      queue,
      folder,
    );
    log.pipe(lifting.log);
    return lifting;
  }

  /** Lifts the tree, and answers what became of each file, by path. */
  async run(
    root: string,
    given: Partial<BatchOptions> = {},
  ): Promise<{ result: BatchResult; items: MigrationItem[]; byPath: Record<string, string> }> {
    const items: MigrationItem[] = [];
    const result = await runBatch(
      this.jobs,
      {
        ...{ root, queue: null, tenants: null, strict: false, running: 'requeue' as const },
        ...{ artifacts: 'copy' as const, concurrency: 2, dryRun: false, ...given },
      },
      (told) => {
        items.push(...told);
      },
    );
    const byPath = Object.fromEntries(
      items.map((item) => [item.path, [item.outcome, ...item.reasons].join(' ')]),
    );
    return { result, items, byPath };
  }

  /** Everything that was logged. */
  logged(): string {
    return String(this.log.read() ?? '');
  }

  async stop(): Promise<void> {
    await this.queue.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
