import { randomBytes } from 'node:crypto';
import { chown, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLiving, type LivingProcess } from './living-process.js';

/** One `EmbeddedServer` in some process that counts on the server being there. */
export interface ServerClient extends LivingProcess {
  id: string;
}

/** What is remembered between starts, in `postgres.json` beside the cluster's folder, readable by its owner only. */
export interface ServerRecord {
  password: string;
  port: number | null;
  clients: ServerClient[];
}

const fileOf = (dataDir: string): string => join(dataDir, 'postgres.json');

/** The record, without the clients whose process has died. */
export async function readRecord(dataDir: string): Promise<ServerRecord | null> {
  const text = await readFile(fileOf(dataDir), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const record = JSON.parse(text) as ServerRecord; // written by writeRecord below, whole or not at all
  return { ...record, clients: record.clients.filter(isLiving) };
}

/** The file goes to the folder's owner, so that a visit by root does not lock an ordinary user out. */
export async function writeRecord(dataDir: string, record: ServerRecord): Promise<void> {
  const unfinished = `${fileOf(dataDir)}.new`;
  await writeFile(unfinished, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(dataDir);
    await chown(unfinished, uid, gid);
  }
  await rename(unfinished, fileOf(dataDir));
}

export function newRecord(): ServerRecord {
  return { password: randomBytes(24).toString('hex'), port: null, clients: [] };
}
