import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServerFailed } from './embedded-server-failed.js';
import { answersSignals, identify, isLiving, type LivingProcess } from './living-process.js';
import type { ServerPlace } from './server-place.js';

const FAST_STOP_MS = 20_000;
const IMMEDIATE_STOP_MS = 10_000;
const LOG_MAX_BYTES = 8 * 1024 * 1024;
/** Nothing of the caller's environment reaches the server: PGPORT, LANG and their like would change it. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

/** What `postmaster.pid` says of the running server. */
export interface Postmaster {
  process: LivingProcess;
  port: number;
}

/** The server that runs on this cluster, or null. A file that a crash left behind counts as none. */
export async function findPostmaster(cluster: string): Promise<Postmaster | null> {
  const content = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = content.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const found = identify(pid);
  return isLiving(found) && serves(pid, cluster) ? { process: found, port: Number(lines[3]) } : null;
}

/**
 * PostgreSQL trusts a leftover postmaster.pid as soon as any process has that number, a zombie or a stranger,
 * and then refuses to start. It is removed in that case only: when the number is free, PostgreSQL removes the
 * file itself, after making sure that no orphaned backend still uses the shared memory.
 */
export async function clearLeftovers(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (pid > 0 && answersSignals(pid) && !(await findPostmaster(cluster))) await rm(file, { force: true });
}

/**
 * Starts the server in a session of its own, so that Ctrl-C in the terminal reaches the programs first and
 * they can drain. Returns when the process exists, not when it answers.
 */
export async function spawnPostmaster(
  { binaries, cluster, user }: ServerPlace,
  settings: Readonly<Record<string, string>>,
  logFile: string,
): Promise<LivingProcess> {
  await boundLog(logFile);
  const log = await open(logFile, 'a', 0o600);
  try {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(join(binaries.native, 'bin', 'postgres'), ['-D', cluster, ...flags], {
      ...user,
      cwd: cluster,
      detached: true,
      env: SERVER_ENVIRONMENT,
      stdio: ['ignore', log.fd, log.fd],
    });
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    if (child.pid === undefined) throw new EmbeddedServerFailed('PostgreSQL could not be started.');
    return identify(child.pid);
  } finally {
    await log.close();
  }
}

/** Fast shutdown: sessions are ended, data flushed. Only a server that ignores it for long is cut off. */
export async function stopPostmaster(server: LivingProcess): Promise<void> {
  signal(server, 'SIGINT');
  if (await ended(server, FAST_STOP_MS)) return;
  signal(server, 'SIGQUIT');
  if (await ended(server, IMMEDIATE_STOP_MS)) return;
  throw new EmbeddedServerFailed(`PostgreSQL (process ${server.pid}) does not stop.`);
}

export async function logTail(logFile: string): Promise<string> {
  const content = await readFile(logFile, 'utf8').catch(() => '');
  return content.trimEnd().split('\n').slice(-8).join('\n');
}

async function boundLog(logFile: string): Promise<void> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }));
  if (size > LOG_MAX_BYTES) await rename(logFile, `${logFile}.1`);
}

async function ended(server: LivingProcess, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isLiving(server)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

function signal(server: LivingProcess, name: NodeJS.Signals): void {
  try {
    if (isLiving(server)) process.kill(server.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended in between
  }
}

/**
 * The server works inside its cluster's folder, and the kernel's note of that follows when the checkout is moved.
 * Where it cannot be read the process is taken for the server: better to refuse than to run two on one cluster.
 */
function serves(pid: number, cluster: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch {
    return true;
  }
}
