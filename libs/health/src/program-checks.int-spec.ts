import { FolderArtifactStore } from '#artifacts';
import { Database } from '#database';
import { createLogger } from '#observability';
import { Queue } from '#queue';
import { eventually, FaultProxy, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECK_BOUND_MS, type Finding } from './dependency-probe.js';
import { DependencyProbes } from './dependency-probes.js';
import { programChecks } from './program-checks.js';

const SCOPE = { actor: { kind: 'anonymous', id: 'probe' }, source: 'test' } as const;
let db: TestDatabase;
let proxy: FaultProxy;
let database: Database;
let queue: Queue;
let folder: string;

beforeAll(async () => {
  db = await testDatabase();
  proxy = await FaultProxy.before(db.ownerUrl);
  const login = db.logins.find((url) => url.includes('ss_api'))!;
  database = new Database({
    ...{ url: proxy.through(login), role: 'ss_api', applicationName: 'probes', poolSize: 5 },
    onError: () => undefined,
  });
  queue = new Queue(database, SCOPE, { consumes: false, onError: () => undefined });
  await queue.start();
  folder = await mkdtemp(join(tmpdir(), 'ss-probes-'));
});
afterAll(async () => {
  proxy.weather({});
  await queue.stop();
  await database.close();
  await proxy.close();
  await db.drop();
  await rm(folder, { recursive: true });
});

const silent = createLogger({ program: 'test', level: 'silent' });
const probesOf = (artifacts = join(folder, 'artifacts')): DependencyProbes =>
  new DependencyProbes(
    programChecks({ database, queue, store: new FolderArtifactStore(artifacts), scope: SCOPE }),
    silent,
  );
const causesOf = (found: (Finding & { name: string })[]): object =>
  Object.fromEntries(found.map(({ name, cause }) => [name, cause]));
const WELL = { database: null, schema: null, queue: null, artifacts: null };

describe('what every program needs', () => {
  it('is there, and costs a storm of probes a look at each', async () => {
    let written = 0;
    const stop = proxy.onStatement('ss_probe', () => {
      written += 1;
      return 'pass';
    });
    const probes = probesOf();
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => probes.ask()));
    const seconds = (performance.now() - begun) / 1_000;
    stop();
    for (const answer of answers) expect(causesOf(answer)).toEqual(WELL);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    expect(database.connectionsInUse).toBeLessThanOrEqual(3);
  });

  it('is told to be missing within the bound when the database is silent, and holds three connections at most', async () => {
    const probes = probesOf();
    proxy.weather({ isSilent: true });
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => probes.ask()));
    expect(performance.now() - begun).toBeLessThan(CHECK_BOUND_MS + 1_500);
    for (const answer of answers) {
      expect(causesOf(answer)).toEqual({
        ...WELL,
        ...{ database: 'timed_out', schema: 'timed_out', queue: 'timed_out' },
      });
    }
    expect(database.connectionsInUse).toBeLessThanOrEqual(3);
    proxy.weather({});
    await eventually(async () => {
      const causes = causesOf(await probes.ask());
      return Object.values(causes).every((cause) => cause === null);
    }, 25_000);
  });

  it('is told by the word for what is wrong with it', async () => {
    await writeFile(join(folder, 'file'), '');
    expect(causesOf(await probesOf(join(folder, 'file/below')).ask())).toEqual({
      ...WELL,
      artifacts: 'missing',
    });

    await db.sql(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, logs)
                  VALUES ('x', 'x', '99_newer', now(), 'needs: 98_new')`);
    expect(causesOf(await probesOf().ask())).toEqual({ ...WELL, schema: 'schema_ahead' });
    await db.sql(`DELETE FROM _prisma_migrations WHERE migration_name = '99_newer'`);
    await db.sql(
      `UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%_create_audit'`,
    );
    expect(causesOf(await probesOf().ask())).toEqual({ ...WELL, schema: 'schema_behind' });
    await db.sql('UPDATE _prisma_migrations SET finished_at = now() WHERE finished_at IS NULL');

    await db.sql('ALTER TABLE pgboss.queue DISABLE TRIGGER ALL');
    await db.sql(`UPDATE pgboss.queue SET name = 'job.gone' WHERE name = 'job.draft'`);
    expect(causesOf(await probesOf().ask())).toEqual({ ...WELL, queue: 'queues_missing' });
    await db.sql(`UPDATE pgboss.queue SET name = 'job.draft' WHERE name = 'job.gone'`);
    expect(causesOf(await probesOf().ask())).toEqual(WELL);
  });
});
