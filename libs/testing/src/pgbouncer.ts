// Loaded by Node itself, too (../jest/start-server.mjs): only syntax that can be stripped, only Node's own modules.
import { spawn } from 'node:child_process';
import { accessSync, chownSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PgBouncer {
  /** The same URL, by way of PgBouncer; its login has to be one of those that it was started with. */
  through(url: string): string;
  close(): Promise<void>;
}

export interface PgBouncerOptions {
  /** URLs with the logins that it lets in, all on one server. */
  logins: readonly string[];
  /** Connections to the server for each pair of login and database. */
  poolSize: number;
}

const START_MS = 10_000;
const END_MS = 5_000;
/** It refuses to run as root. */
const NOBODY = 65_534;

/** Where the program is; null where it is not installed (Debian: `apt-get install pgbouncer`). */
export function pgBouncerProgram(): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']) {
    const program = join(folder, 'pgbouncer');
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Starts a PgBouncer of its own in transaction mode, which refuses every startup parameter that it does not know. */
export async function startPgBouncer({ logins, poolSize }: PgBouncerOptions): Promise<PgBouncer> {
  const program = pgBouncerProgram();
  const [first] = logins;
  if (program === null || first === undefined)
    throw new Error('PgBouncer is not installed, or has no logins');
  const server = new URL(first);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'ss-pgbouncer-'));
  const users = logins.map((login) => new URL(login)).map(({ username, password }) => [username, password]);
  const files = {
    'users.txt': users
      .map((user) => user.map((part) => quoted(decodeURIComponent(part))).join(' '))
      .join('\n'),
    'pgbouncer.ini': [
      '[databases]',
      `* = host=${server.hostname} port=${server.port}`,
      '[pgbouncer]',
      ...['listen_addr = 127.0.0.1', `listen_port = ${String(port)}`, 'unix_socket_dir ='],
      ...['pool_mode = transaction', `default_pool_size = ${String(poolSize)}`, 'max_client_conn = 1000'],
      ...['auth_type = scram-sha-256', `auth_file = ${join(folder, 'users.txt')}`],
      // A database of a test is dropped soon after; connections to it must not linger.
      ...['server_idle_timeout = 5', 'server_login_retry = 0'],
    ].join('\n'),
  };
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, name), `${text}\n`, { mode: 0o600 });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const path of ['', ...Object.keys(files)]) chownSync(join(folder, path), NOBODY, NOBODY);

  const child = spawn(program, [join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    const hard = setTimeout(kill, END_MS);
    await ended;
    clearTimeout(hard);
    process.off('exit', kill);
    rmSync(folder, { recursive: true, force: true });
  };
  const limit = performance.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > limit) {
      await close();
      throw new Error(`PgBouncer does not start:\n${said}`);
    }
    await sleep(20);
  }
  return {
    through: (url) => {
      const changed = new URL(url);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.toString();
    },
    close,
  };
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server that listens has an address of this form.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
