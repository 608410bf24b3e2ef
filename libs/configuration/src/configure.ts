import { isDomainError } from '#observability';
import { readDotEnv } from './read-dot-env.js';
import { type ConfigurationRead, type Environment, readConfiguration } from './read-configuration.js';
import type { Program } from './settings.js';

/**
 * Reads a program's configuration from `.env`, where there is one, and over it the real environment. When it
 * cannot be used, `refuse` gets the text that names every fault, and must end the program.
 */
export function configure<P extends Program>(
  program: P,
  env: Environment,
  refuse: (faults: string) => never,
): ConfigurationRead<P> {
  try {
    return readConfiguration(program, { ...readDotEnv('.env'), ...env });
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return refuse(error.message);
  }
}
