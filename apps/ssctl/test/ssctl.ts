import { execFile } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../../dist/apps/ssctl/src/main.js');

export interface Ending {
  code: number;
  output: string;
  errors: string;
}

/** Runs `ssctl` as a process of its own, in a folder where no `.env` is. */
export function ssctl(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  folder: string,
): Promise<Ending> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 60_000 };
    execFile(process.execPath, [MAIN, ...args], options, (error, output, errors) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, output, errors });
    });
  });
}
