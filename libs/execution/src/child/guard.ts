import { readdirSync, statSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
import { OUTGREW } from '../child-protocol.js';

/**
 * The child's guard, on a thread of its own so that no busy loop can keep it from looking. It ends the whole
 * process group when the parent is gone (its end of standard input closes), or a limit is outgrown.
 */
export interface GuardedLimits {
  residentBytes: number;
  diskBytes: number;
  folder: string;
}

const MEMORY_LOOK_MS = 50;
const DISK_LOOK_MS = 500;

// The main thread passes exactly this.
const limits = workerData as GuardedLimits;

new Socket({ fd: 0, readable: true, writable: false })
  .on('error', () => undefined)
  .on('close', endGroup)
  .resume();

setInterval(() => {
  if (process.memoryUsage.rss() > limits.residentBytes) outgrew(OUTGREW.memory);
}, MEMORY_LOOK_MS);

setInterval(() => {
  if (bytesUnder(limits.folder) > limits.diskBytes) outgrew(OUTGREW.disk);
}, DISK_LOOK_MS);

function outgrew(word: string): void {
  writeSync(2, `${word}\n`);
  endGroup();
}

/** The child leads its group, so this ends the guard as well. */
function endGroup(): void {
  process.kill(-process.pid, 'SIGKILL');
}

function bytesUnder(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512;
    }
  } catch {
    // Files come and go while they are counted; the next look is soon.
  }
  return bytes;
}
