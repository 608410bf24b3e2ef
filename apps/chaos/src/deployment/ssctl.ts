import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../../ssctl/src/main.js', import.meta.url));
const LIMIT_MS = 60_000;

export interface SsctlEnd {
  code: number;
  /** The JSON document on standard output; null when there is none. */
  document: unknown;
  /** What it told people. */
  said: string;
}

/** Runs a command of ssctl as an operator would, with `--json`. A code other than zero is an answer too. */
export async function ssctl(args: readonly string[], place: SsctlPlace): Promise<SsctlEnd> {
  const options = {
    cwd: place.folder,
    env: { PATH: process.env['PATH'] ?? '', ...place.env },
    timeout: LIMIT_MS,
    maxBuffer: 16 * 1024 ** 2,
  };
  try {
    const { stdout, stderr } = await run(process.execPath, [MAIN, ...args, '--json'], options);
    return { code: 0, document: parse(stdout), said: stderr };
  } catch (error) {
    // execFile puts the program's code and what it wrote into the error.
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === 'number' ? code : -1, document: parse(stdout), said: stderr };
  }
}

export interface SsctlPlace {
  folder: string;
  env: Readonly<Record<string, string>>;
}

/** The same, for commands that have to work. */
export async function ssctlDone<Document>(args: readonly string[], place: SsctlPlace): Promise<Document> {
  const { code, document, said } = await ssctl(args, place);
  if (code !== 0) throw new Error(`ssctl ${args.join(' ')} ended with ${code}:\n${said}`);
  // The caller names the shape of the command that it asked for.
  return document as Document;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
