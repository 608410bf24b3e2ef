import { pgBouncerProgram } from '#testing';
import { join } from 'node:path';
import { Deployment } from '../deployment/deployment.js';
import { WORKERS } from '../deployment/settings.js';
import { SmallDisk } from '../deployment/small-disk.js';
import type { Fault } from '../fault.js';
import { USUAL_LOAD } from '../load/load.js';
import { within } from '../waiting.js';

/** A fresh database with its log takes about 100 MiB. */
const DISK_MIB = 320;
/** One at a time; the fault that runs has this one. */
let disk: SmallDisk | null = null;

export const diskFull: Fault = {
  number: 18,
  name: 'the disk of the database is full',
  does: `the database lives on a disk of ${DISK_MIB} MiB; a file fills it to the last byte for 12 s, under load; then the file is removed`,
  holds:
    'submits are answered 503; readiness says that the database cannot be written; no program ends; no job is lost',
  recovery: 'from the moment there is space and the server runs until a job sent then is done',
  recoveryLimitMs: 15_000,
  load: USUAL_LOAD,
  limitSeconds: 150,
  isInShortForm: false,
  lacks: () => SmallDisk.lack(),
  opens: async (folder) => {
    const mounted = await SmallDisk.mount(join(folder, 'disk'), DISK_MIB);
    disk = mounted;
    try {
      const deployment = await Deployment.open(folder, { dataDir: mounted.folder });
      return { deployment, release: () => mounted.unmount() };
    } catch (error) {
      await mounted.unmount();
      throw error;
    }
  },
  conduct: async (trial) => {
    if (!disk) throw new Error('there is no small disk');
    const from = trial.log.length;
    trial.count('bytes that filled the disk', await disk.fill());
    const isUnready = within(15_000, async () => {
      const { status } = await fetch(`${trial.deployment.apiUrl}/health/ready`);
      return status === 503;
    });
    // What the server gives back while it runs is taken again.
    for (let second = 0; second < 12; second += 1) {
      await trial.pause(1_000);
      await disk.fill();
    }
    trial.expect((await isUnready) !== null, 'readiness did not say that the database cannot be written');
    const refused = trial.log.since(from).filter(({ status }) => status === 503);
    trial.count('calls answered 503', refused.length);
    trial.expect(refused.length > 0, 'no call was refused although nothing could be written');
    await disk.free();
    await trial.deployment.server.start();
    await trial.recovers();
  },
};

export const pooled: Fault = {
  number: 25,
  name: 'everything goes through PgBouncer',
  does:
    'transaction mode, 10 connections for each login, under load; its connections to the server are ended, those of programs ' +
    'reset, a worker killed; one worker has no DATABASE_DIRECT_URL and has to poll',
  holds:
    'no setting of one transaction reaches another; every job ends; wake-ups past the pooler or polling instead',
  recovery:
    'from the last harm until a job sent then is done; from the kill until the lost job is claimed again',
  recoveryLimitMs: 15_000,
  load: USUAL_LOAD,
  limitSeconds: 150,
  isInShortForm: false,
  lacks: () => Promise.resolve(pgBouncerProgram() === null ? 'PgBouncer is not installed' : null),
  opens: async (folder) => ({
    deployment: await Deployment.open(folder, { isPooled: true }),
    release: () => Promise.resolve(),
  }),
  conduct: async (trial) => {
    await trial.pause(trial.ms(10));
    for (let round = 0; round < trial.times(10); round += 1) {
      await trial.deployment.server.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'ss_%_login' ORDER BY random() LIMIT 3`,
      );
      trial.count('server connections ended', 3);
      await trial.pause(300, 700);
      trial.random.pick(trial.deployment.networks).reset();
      trial.count('networks reset');
      await trial.pause(300, 700);
    }
    const index = trial.random.whole(0, WORKERS - 1);
    trial.killWorker(index);
    await trial.deployment.worker(index).ended;
    await trial.deployment.startWorker(index);
    await trial.recovers();
  },
};
