import type { CommandProfiles } from '#execution';
import { commandNeed, STEP_TYPES } from '#plans';

/** What this worker can carry out, in the words in which jobs say what they need. */
export function abilitiesOf(profiles: CommandProfiles): string[] {
  return [...STEP_TYPES, ...Object.keys(profiles).map(commandNeed)];
}
