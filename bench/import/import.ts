import { FolderArtifactStore } from '#artifacts';
import { Database, deploySchema, EmbeddedServer, type Scope } from '#database';
import { JobImport, runBatch } from '#migration';
import { createLogger } from '#observability';
import { deployQueues, Queue } from '#queue';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type BenchReport, machine, ratioOf, resultOf } from '../report.js';
import { copyRows } from './copy-rows.js';
import { makeTree } from './make-tree.js';

const SCOPE: Scope = { actor: { kind: 'operator', id: 'bench' }, source: 'bench' };

/** 100,000 small jobs from disk to committed rows, against COPY of the same rows on the same server in the same run. */
export async function benchImport(options: Readonly<Record<string, string>>): Promise<BenchReport> {
  const jobs = Number(options['jobs'] ?? 100_000);
  const rounds = Number(options['rounds'] ?? 3);
  const concurrency = Number(options['concurrency'] ?? 2);
  const scratch = join(import.meta.dirname, '../../../.ss');
  await mkdir(scratch, { recursive: true });
  const folder = await mkdtemp(join(scratch, 'bench-import-'));
  const server = await EmbeddedServer.start({ dataDir: join(folder, 'data') });
  try {
    makeTree(join(folder, 'jobs'), jobs);
    const imported: number[] = [];
    const copied: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const url = await newDatabase(server.url, `bench_${round}`);
      imported.push(jobs / (await importOnce(url, folder, concurrency, jobs)));
      copied.push(jobs / (await copyRows(url)));
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
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function newDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await deploySchema(url.toString());
  await deployQueues(url.toString());
  return url.toString();
}

/** Seconds from the first folder to the last commit. */
async function importOnce(url: string, folder: string, concurrency: number, jobs: number): Promise<number> {
  const onError = (error: Error): void => {
    process.stderr.write(`${error.message}\n`);
  };
  const database = new Database({
    ...{ url, role: 'ss_operator', applicationName: 'bench', poolSize: concurrency + 2 },
    ...{ statementTimeoutMs: 120_000, onError },
  });
  const queue = new Queue(database, SCOPE, { consumes: false, onError });
  await queue.start();
  try {
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
  } finally {
    await queue.stop();
    await database.close();
  }
}
