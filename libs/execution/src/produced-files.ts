import { lstat, readdir, realpath, rename, rm, mkdir } from 'node:fs/promises';
import { dirname, extname, join, relative, sep } from 'node:path';
import type { ExecutionLimits } from './execution-limits.js';
import { StepFailed } from './step-failed.js';
import type { ProducedFile } from './step-request.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.html': 'text/html',
  '.json': 'application/json',
  '.log': 'text/plain',
  '.md': 'text/markdown',
  '.parquet': 'application/vnd.apache.parquet',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.tsv': 'text/tab-separated-values',
  '.txt': 'text/plain',
};

export const PARQUET_TYPE = 'application/vnd.apache.parquet';
const MAX_REL_PATH_CHARS = 512;
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const UNSAFE_NAME = /[\u0000-\u001f\u007f-\u009f\\]|^~/;

/** Those of the files that a step really left, as plain files within its workspace. */
export async function keepExisting(
  workspace: string,
  files: readonly Omit<ProducedFile, 'path'>[],
): Promise<ProducedFile[]> {
  const root = await realpath(workspace);
  const kept: ProducedFile[] = [];
  for (const file of files) {
    const path = join(workspace, file.relPath);
    const entry = await lstat(path).catch(() => null);
    if (!entry?.isFile()) continue;
    if ((await realpath(path)).startsWith(root + sep)) kept.push({ ...file, path });
  }
  return kept;
}

/** Moves what a command left in its `outputs` to the workspace, once nothing of the command runs any more. */
export async function takeOutputs(
  from: string,
  workspace: string,
  name: string,
  limits: ExecutionLimits,
): Promise<ProducedFile[]> {
  // Nor may the folder be a link: what it leads to is not the program's.
  if (!(await lstat(from).catch(() => null))?.isDirectory()) throw refused('their folder is gone');
  const found: string[] = [];
  let bytes = 0;
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const shown = relative(from, path);
    if (entry.isDirectory()) continue;
    if (!entry.isFile()) throw refused(`"${printable(shown)}" is not a plain file`);
    const relPath = `outputs/${name}/${shown}`;
    if (relPath.length > MAX_REL_PATH_CHARS || !shown.isWellFormed() || UNSAFE_NAME.test(shown)) {
      throw refused(`"${printable(shown)}" is no name that an artifact can have`);
    }
    bytes += (await lstat(path)).size;
    found.push(shown);
    if (found.length > limits.outputFiles) throw tooLarge(`more than ${String(limits.outputFiles)} files`);
    if (bytes > limits.outputBytes) throw tooLarge(`more than ${String(limits.outputBytes)} bytes of files`);
  }
  const target = join(workspace, 'outputs', name);
  await rm(target, { recursive: true, force: true });
  await mkdir(dirname(target), { recursive: true });
  await rename(from, target);
  return found.sort().map((shown) => ({
    relPath: `outputs/${name}/${shown}`,
    kind: 'command.output',
    contentType: CONTENT_TYPES[extname(shown).toLowerCase()] ?? 'application/octet-stream',
    path: join(target, shown),
  }));
}

function refused(reason: string): StepFailed {
  return new StepFailed('COMMAND_OUTPUT_REFUSED', `The program's outputs are refused: ${reason}.`);
}

function tooLarge(what: string): StepFailed {
  return new StepFailed('RESULT_TOO_LARGE', `The program left ${what}.`);
}

function printable(name: string): string {
  return JSON.stringify(name.slice(0, 100)).slice(1, -1);
}
