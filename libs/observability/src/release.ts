import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Which release this is: the version in package.json. */
export function release(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (manifest !== null && typeof manifest === 'object' && 'version' in manifest)
        return String(manifest.version);
    } catch {
      // Not here; one folder up.
    }
  }
  return 'unknown';
}
