import { type Configuration, readConfiguration, readDotEnv } from '#configuration';

/** Reads the environment once: `.env` where there is one, and over it the real environment. */
export function readEnv(): { configuration: Configuration<'ssctl'>; warnings: string[] } {
  return readConfiguration('ssctl', { ...readDotEnv('.env'), ...process.env });
}
