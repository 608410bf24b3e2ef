import { type Configuration, configure, type Environment, readDotEnv } from '#configuration';
import { say } from './terminal.js';

/** Reads the environment, once; ends the program when it is wrong, with every fault named and no value. */
export function readEnv(): { configuration: Configuration<'ssctl'>; warnings: string[] } {
  return configure('ssctl', process.env, (faults) => {
    say(faults);
    process.exit(1);
  });
}

/** The environment as it is, right or wrong: for whoever has to say what is wrong with it. */
export function rawEnvironment(): Environment {
  return { ...readDotEnv('.env'), ...process.env };
}
