import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EmbeddedServerFailed } from './embedded-server-failed.js';

const run = promisify(execFile);
const NAME = 'postgres';
/** Programs that look up users live in these folders; the environment of the caller is not ours to trust. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** The system user that the server runs as. PostgreSQL refuses to run as root. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** The user `postgres`, created when there is none; `nobody` where users cannot be created. Only root asks. */
export async function serverUserForRoot(): Promise<ServerUser> {
  const known = await lookUp(NAME);
  if (known) return known;
  const creation = ['--system', '--no-create-home', '--shell', '/bin/false', '--user-group', NAME];
  await run('useradd', creation, { env: ENVIRONMENT }).catch(() => undefined);
  const found = (await lookUp(NAME)) ?? (await lookUp('nobody'));
  if (found) return found;
  throw new EmbeddedServerFailed(
    'PostgreSQL refuses to run as root, and no user "postgres" exists or can be created. ' +
      'Run as an ordinary user, or set DATABASE_URL.',
  );
}

/** True when the user gets into the folder, judged by the system itself: modes alone do not tell of ACLs. */
export async function canEnter(user: ServerUser, folder: string): Promise<boolean> {
  return succeeds('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], user);
}

export async function canRun(user: ServerUser, program: string): Promise<boolean> {
  return succeeds(program, ['--version'], user);
}

async function succeeds(program: string, args: string[], user: ServerUser): Promise<boolean> {
  return run(program, args, { ...user, cwd: '/', env: ENVIRONMENT }).then(
    () => true,
    () => false,
  );
}

async function lookUp(name: string): Promise<ServerUser | null> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name], { env: ENVIRONMENT })).stdout)),
    );
    return uid && gid ? { uid, gid } : null;
  } catch {
    return null;
  }
}
