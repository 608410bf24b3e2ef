import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CheckpointSigner, newSigningKey } from './checkpoint.js';

/** The signer whose key is in the file. Where there is no file a new key is made, for its owner alone to read. */
export async function openSigner(path: string): Promise<CheckpointSigner> {
  const there = await tryRead(path);
  if (there !== null) return CheckpointSigner.fromPem(there);
  await mkdir(dirname(path), { recursive: true });
  const mine = `${path}.${randomUUID()}`;
  await writeFile(mine, newSigningKey(), { mode: 0o600 });
  // Of several programs that start at once one gives its key the name; all read what bears it, whole.
  await link(mine, path).catch(() => undefined);
  await rm(mine);
  return CheckpointSigner.fromPem(await readFile(path, 'utf8'));
}

async function tryRead(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
