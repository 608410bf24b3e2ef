import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { copiedBinaries, installedBinaries, type Binaries } from './binaries.js';
import { EmbeddedServerFailed } from './embedded-server-failed.js';
import { canEnter, canRun, serverUserForRoot, type ServerUser } from './server-user.js';

/** Where one server lives: what runs, as whom, on which data. */
export interface ServerPlace {
  /** The folder that holds the cluster; `dataDir` itself unless the server's user cannot get there. */
  home: string;
  cluster: string;
  binaries: Binaries;
  /** null: the server runs as whoever runs us. */
  user: ServerUser | null;
}

export async function preparedDataDir(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const folder = await realpath(resolve(dataDir));
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    const help = 'Run as the user who made it, or choose another folder (SS_DATA_DIR).';
    throw new EmbeddedServerFailed(`The data folder ${folder} belongs to another user. ${help}`, { cause });
  });
  return folder;
}

/**
 * Chooses the place. For an ordinary user it is the data folder. Root must hand the server to another user,
 * and that user may be locked out of the checkout (`mktemp -d` makes folders that only their maker enters):
 * then programs and data go to a folder of their own below the system's temporary folder, noted in
 * `postgres.location`, so that the next start finds them again.
 */
export async function settlePlace(dataDir: string, log: (line: string) => void): Promise<ServerPlace> {
  const binaries = await installedBinaries();
  if (process.getuid?.() !== 0) return place(dataDir, binaries, null);

  const noted = await notedHome(dataDir, log);
  const user = (await ownerOf(join(noted ?? dataDir, 'postgres'))) ?? (await serverUserForRoot());
  const home = noted ?? ((await canEnter(user, dataDir)) ? dataDir : await otherHome(dataDir, user, log));
  const reachable = await canRun(user, join(binaries.native, 'bin', 'postgres'));
  return place(home, reachable ? binaries : await copiedBinaries(binaries, home), user);
}

function place(home: string, binaries: Binaries, user: ServerUser | null): ServerPlace {
  return { home, cluster: join(home, 'postgres'), binaries, user };
}

async function notedHome(dataDir: string, log: (line: string) => void): Promise<string | null> {
  const noted = (await readFile(join(dataDir, 'postgres.location'), 'utf8').catch(() => '')).trim();
  if (noted === '') return null;
  if (await isFolder(noted)) return noted;
  log(`the database folder ${noted} is gone; starting with an empty database`);
  return null;
}

/** mkdtemp rather than a name that can be foreseen: others may write there, and could lay a trap. */
async function otherHome(dataDir: string, user: ServerUser, log: (line: string) => void): Promise<string> {
  if (await isFolder(join(dataDir, 'postgres', 'base'))) {
    throw new EmbeddedServerFailed(
      `The database in ${dataDir} exists, but its system user can no longer enter that folder. ` +
        'Give the folder and those above it the mode 755, or set DATABASE_URL.',
    );
  }
  const label = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  for (const base of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    if (!(await isFolder(base)) || !(await canEnter(user, base))) continue;
    const home = await mkdtemp(join(base, `ss-postgres-${label}-`));
    await chmod(home, 0o755); // the programs may be read by the server's user; the data below are 0700
    await writeFile(join(dataDir, 'postgres.location'), `${home}\n`);
    log(`the database lives in ${home}, because the system user of PostgreSQL cannot enter ${dataDir}`);
    return home;
  }
  throw new EmbeddedServerFailed(
    `The system user of PostgreSQL can enter neither ${dataDir} nor a temporary folder.`,
  );
}

/** The user that an existing cluster belongs to, so that root serves the data of an ordinary user as that user. */
async function ownerOf(path: string): Promise<ServerUser | null> {
  const found = await stat(path).catch(() => null);
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : null;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
