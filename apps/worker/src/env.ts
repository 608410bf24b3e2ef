import { type Configuration, configure } from '#configuration';

/** Reads the environment, once; ends the program when it is wrong, with every fault named and no value. */
export function readEnv(): { configuration: Configuration<'worker'>; warnings: string[] } {
  return configure('worker', process.env, (faults) => {
    process.stderr.write(`${faults}\n`);
    process.exit(1);
  });
}
