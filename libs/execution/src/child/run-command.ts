import { spawn } from 'node:child_process';
import { chmodSync, constants, copyFileSync, mkdirSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandEnd, CommandTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';
import { fileNameFor } from '../file-names.js';
import type { DatasetFile, TableFile } from '../step-request.js';
import { ChildFailure } from './child-failure.js';
import { quoteName, quoteText, withDuck } from './duck.js';
import { loadTable } from './load-table.js';

const TAIL_CHARS = 2_000;
/** A program may leave others behind that hold its output open; what it said itself has come by then. */
const DRAIN_MS = 500;

/** Runs the program of a profile in the child's own folder and says how it ended. */
export async function runCommand(task: CommandTask, limits: ExecutionLimits): Promise<CommandEnd> {
  for (const folder of ['inputs', 'tables', 'outputs']) mkdirSync(folder);
  for (const dataset of task.datasets) provideInput(dataset);
  if (task.tables.length > 0) await provideTables(task.tables, limits);

  // Before the program starts: Node throws away what comes while nobody reads yet.
  await using stdout = await open(task.stdoutPath, 'w');
  await using stderr = await open(task.stderrPath, 'w');
  const program = spawn(task.command, task.args, {
    env: task.env,
    shell: false,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<Omit<CommandEnd, 'stderrTail'>>((resolve, reject) => {
    program.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal });
    });
    program.once('error', () => {
      reject(new ChildFailure('COMMAND_NOT_STARTED', 'The program of this profile could not be started.'));
    });
  });
  const logs = Promise.all([
    keepLog(program.stdout, stdout, task.maxLogBytes),
    keepLog(program.stderr, stderr, task.maxLogBytes),
  ]);
  const end = await ended;
  await Promise.race([logs, sleep(DRAIN_MS)]);
  program.stdout.destroy();
  program.stderr.destroy();
  const [, stderrTail] = await logs;
  return { ...end, stderrTail };
}

/** A copy, since a link would be the stored file itself, which the program could then change. */
function provideInput({ datasetKey, format, path }: DatasetFile): void {
  const target = join('inputs', `${fileNameFor(datasetKey)}.${format}`);
  copyFileSync(path, target, constants.COPYFILE_FICLONE);
  chmodSync(target, 0o444);
}

async function provideTables(tables: readonly TableFile[], limits: ExecutionLimits): Promise<void> {
  await withDuck(limits, 'trusted', async (connection) => {
    for (const table of tables) {
      await loadTable(connection, table);
      const base = join('tables', fileNameFor(table.stepId));
      const csv = quoteText(`${base}.csv`);
      await connection.run(`COPY ${quoteName(table.stepId)} TO ${csv} (FORMAT csv, HEADER true)`);
      copyFileSync(table.path, `${base}.parquet`, constants.COPYFILE_FICLONE);
      for (const extension of ['csv', 'parquet']) chmodSync(`${base}.${extension}`, 0o444);
    }
  });
}

/** Keeps the beginning of a stream in a file as it comes, reads the rest away, and returns the end. */
async function keepLog(stream: Readable, file: FileHandle, maxBytes: number): Promise<string> {
  let bytes = 0;
  let tail = '';
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const room = Math.max(0, maxBytes - bytes);
      if (room > 0) await file.write(chunk.subarray(0, room));
      bytes += chunk.byteLength;
      tail = (tail + chunk.toString('utf8')).slice(-TAIL_CHARS);
    }
  } catch {
    // The stream was taken away after its program had ended; what came is kept.
  }
  if (bytes > maxBytes) await file.write(`\n[cut: ${String(bytes - maxBytes)} more bytes]\n`);
  return tail;
}
