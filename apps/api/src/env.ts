import { type Configuration, readConfiguration, readDotEnv } from '#configuration';

/** Reads the environment once: `.env` where there is one, and over it the real environment. */
export function readEnv(): { configuration: Configuration<'api'>; warnings: string[] } {
  return readConfiguration('api', { ...readDotEnv('.env'), ...process.env });
}
