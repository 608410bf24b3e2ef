import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint } from './checkpoint.js';

const NAME = /^checkpoint-\d{12}-[0-9a-f]{16}\.json$/;

/** Checkpoints as files: a folder that lies on another machine, or is copied there, is what a verifier can trust. */
export class CheckpointFolder {
  constructor(private readonly folder: string) {}

  /** Keeps the checkpoint in a file of its own, whole or not at all. */
  async keep(checkpoint: Checkpoint): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const number = String(checkpoint.segmentNo).padStart(12, '0');
    const path = join(this.folder, `checkpoint-${number}-${checkpoint.keyId}.json`);
    await writeFile(`${path}.part`, `${JSON.stringify(toFile(checkpoint))}\n`);
    await rename(`${path}.part`, path);
  }

  /** All checkpoints of the folder. Throws for a file that is none: a verifier must not look past it. */
  async read(): Promise<Checkpoint[]> {
    const names = (await readdir(this.folder)).filter((name) => NAME.test(name)).sort();
    return Promise.all(
      names.map(async (name) => fromFile(name, await readFile(join(this.folder, name), 'utf8'))),
    );
  }
}

interface CheckpointFile {
  segment_no: number;
  segment_hash: string;
  key_id: string;
  signature: string;
}

function toFile({ segmentNo, segmentHash, keyId, signature }: Checkpoint): CheckpointFile {
  return {
    segment_no: segmentNo,
    segment_hash: segmentHash.toString('hex'),
    key_id: keyId,
    signature: signature.toString('base64'),
  };
}

function fromFile(name: string, text: string): Checkpoint {
  const fault = (): Error => new Error(`${name} is no checkpoint of an audit`);
  let file: Partial<Record<keyof CheckpointFile, unknown>>;
  try {
    // Whatever it is, each field is asked for below.
    file = JSON.parse(text) as typeof file;
  } catch {
    throw fault();
  }
  const { segment_no, segment_hash, key_id, signature } = file;
  if (typeof segment_no !== 'number' || typeof key_id !== 'string') throw fault();
  if (typeof segment_hash !== 'string' || typeof signature !== 'string') throw fault();
  return {
    segmentNo: segment_no,
    segmentHash: Buffer.from(segment_hash, 'hex'),
    keyId: key_id,
    signature: Buffer.from(signature, 'base64'),
  };
}
