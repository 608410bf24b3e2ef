import { type CommandProfiles, parseCommandProfiles } from '#execution';
import { readFileSync } from 'node:fs';

/** The operator's profiles; none when no file is named. */
export function readCommandProfiles(path: string | null): CommandProfiles {
  return path === null ? {} : parseCommandProfiles(JSON.parse(readFileSync(path, 'utf8')));
}
