import { readFileSync } from 'node:fs';
import { type CommandProfiles, CommandProfilesInvalid, parseCommandProfiles } from './command-profiles.js';

/** The profiles of the operator's file; none when no file is named. */
export function readCommandProfiles(path: string | null): CommandProfiles {
  if (path === null) return {};
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is no JSON' : 'cannot be read';
    throw new CommandProfilesInvalid([
      { pointer: '', detail: `the file that SS_COMMAND_PROFILES names ${why}` },
    ]);
  }
  return parseCommandProfiles(json);
}
