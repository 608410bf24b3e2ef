import { type Configuration, configure } from '#configuration';
import { say } from './terminal.js';

/** Reads the environment, once; ends the program when it is wrong, with every fault named and no value. */
export function readEnv(): { configuration: Configuration<'ssctl'>; warnings: string[] } {
  return configure('ssctl', process.env, (faults) => {
    say(faults);
    process.exit(1);
  });
}
