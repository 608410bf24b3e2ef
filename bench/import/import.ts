import { FolderArtifactStore } from '#artifacts';
import { JobImport, runBatch } from '#migration';
import { createLogger } from '#observability';
import { join } from 'node:path';
import { type BenchDatabase, BenchPlace, SCOPE } from '../place.js';
import { type BenchReport, machine, ratioOf, resultOf } from '../report.js';
import { copyRows } from './copy-rows.js';
import { makeTree } from './make-tree.js';

/** 100,000 small jobs from disk to committed rows, against COPY of the same rows on the same server in the same run. */
export async function benchImport(options: Readonly<Record<string, string>>): Promise<BenchReport> {
  const jobs = Number(options['jobs'] ?? 100_000);
  const rounds = Number(options['rounds'] ?? 3);
  const concurrency = Number(options['concurrency'] ?? 2);
  const place = await BenchPlace.open('import');
  try {
    makeTree(join(place.folder, 'jobs'), jobs);
    const imported: number[] = [];
    const copied: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const database = await place.newDatabase(`bench_${String(round)}`);
      imported.push(jobs / (await importOnce(database, place.folder, concurrency, jobs)));
      copied.push(jobs / (await copyRows(database.ownerUrl)));
    }
    const ours = resultOf(
      { system: 'ss', case: 'import from disk', metric: 'throughput', unit: 'jobs/s' },
      imported,
    );
    const theirs = resultOf(
      { system: 'postgresql', case: 'COPY of the same rows', metric: 'throughput', unit: 'jobs/s' },
      copied,
    );
    return {
      bench: 'import',
      machine: machine(),
      settings: { jobs, rounds, concurrency, server: 'embedded PostgreSQL, durable', artifacts: 'skip' },
      results: [ours, theirs],
      ratios: [ratioOf('import to COPY', ours.median, theirs.median)],
    };
  } finally {
    await place.close();
  }
}

/** Seconds from the first folder to the last commit. */
async function importOnce(
  place: BenchDatabase,
  folder: string,
  concurrency: number,
  jobs: number,
): Promise<number> {
  const database = place.database('ss_operator', concurrency + 2);
  return place.withQueue(database, async (queue) => {
    const logger = createLogger({ program: 'bench', level: 'silent' });
    const store = new FolderArtifactStore(join(folder, 'artifacts'));
    const begun = performance.now();
    const { counts } = await runBatch(
      new JobImport(database, queue, store, SCOPE, logger),
      {
        ...{ root: join(folder, 'jobs'), queue: null, tenants: null, strict: false, dryRun: false },
        ...{ running: 'requeue', artifacts: 'skip', concurrency },
      },
      () => undefined,
    );
    const seconds = (performance.now() - begun) / 1_000;
    if (counts['migrated'] !== jobs) throw new Error(`not all were migrated: ${JSON.stringify(counts)}`);
    return seconds;
  });
}
