import { type Configuration, configure } from '#configuration';

/** Reads the environment, once; ends the program when it is wrong, with every fault named and no value. */
export function readEnv(): { configuration: Configuration<'api'>; warnings: string[] } {
  return configure('api', process.env, (faults) => {
    process.stderr.write(`${faults}\n`);
    process.exit(1);
  });
}
