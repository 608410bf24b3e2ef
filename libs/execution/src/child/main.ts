import { readSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ChildAnswer, ChildRequest } from '../child-protocol.js';
import { ChildFailure } from './child-failure.js';
import { carryOut } from './carry-out.js';
import type { GuardedLimits } from './guard.js';
import { publicText } from './public-text.js';

/** The program of a step's own process: one request in on standard input, one answer out on descriptor 3. */
const ANSWER_FD = 3;

// Our own parent wrote it, and both are built together.
const request = JSON.parse(readLine()) as ChildRequest;
const guarded: GuardedLimits = {
  residentBytes: request.limits.residentBytes,
  diskBytes: request.limits.diskBytes,
  folder: process.cwd(),
};
new Worker(new URL('./guard.js', import.meta.url), { workerData: guarded });

writeAll(JSON.stringify(await answer()));
process.exit(0);

async function answer(): Promise<ChildAnswer> {
  try {
    return { ok: true, result: await carryOut(request.task, request.limits) };
  } catch (error) {
    if (error instanceof ChildFailure) return { ok: false, code: error.code, message: error.message };
    const folder = new Map([[process.cwd(), '.']]);
    return { ok: false, code: 'STEP_INTERNAL', message: `The runner failed: ${publicText(error, folder)}` };
  }
}

/** Reads up to the first line break and no further than what came with it. */
function readLine(): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const bytes = readSync(0, chunk);
    // The parent was gone before it had said what to do.
    if (bytes === 0) process.exit(1);
    chunks.push(chunk.subarray(0, bytes));
    if (chunk.subarray(0, bytes).includes(10)) return Buffer.concat(chunks).toString('utf8');
  }
}

function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  for (let sent = 0; sent < bytes.length;) sent += writeSync(ANSWER_FD, bytes, sent);
}
