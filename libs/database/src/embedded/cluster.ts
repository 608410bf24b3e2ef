import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedServerFailed } from './embedded-server-failed.js';
import { SERVER_ENVIRONMENT } from './postmaster.js';
import type { ServerPlace } from './server-place.js';

const run = promisify(execFile);

export async function hasCluster({ cluster }: ServerPlace): Promise<boolean> {
  return readFile(join(cluster, 'PG_VERSION'), 'utf8').then(
    () => true,
    () => false,
  );
}

/** Makes an empty cluster: built beside its place and then renamed, so that a crash leaves no half of one. */
export async function createCluster(place: ServerPlace, password: string, durable: boolean): Promise<void> {
  const { home, cluster, user, binaries } = place;
  const unfinished = join(home, 'postgres.new');
  const passwordFile = join(home, 'postgres.password');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await chmod(unfinished, 0o700);
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, `${password}\n`, { flag: 'wx', mode: 0o600 });
  try {
    if (user) {
      await chown(unfinished, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    const args = [
      ...['--pgdata', unfinished, '--username', 'postgres', '--pwfile', passwordFile],
      ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--data-checksums'],
      ...(durable ? [] : ['--no-sync']),
    ];
    const options = { ...user, cwd: unfinished, env: SERVER_ENVIRONMENT, maxBuffer: 4 * 1024 * 1024 };
    await run(join(binaries.native, 'bin', 'initdb'), args, options);
    await rename(unfinished, cluster);
  } catch (cause) {
    // execFile puts what the program wrote into the error.
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const why = (stderr || message).trim();
    throw new EmbeddedServerFailed(`A new database could not be made in ${home}: ${why}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}
