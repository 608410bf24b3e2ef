import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** What a `.env` file says; nothing when there is none. The caller lets the real environment win. */
export function readDotEnv(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
