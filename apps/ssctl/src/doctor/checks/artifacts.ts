import { ArtifactStoreUnavailable, openArtifactStore, type StoreSettings } from '#artifacts';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Check } from '../check.js';
import type { Finding, Level } from '../finding.js';

const GIB = 1024 ** 3;
const LITTLE_BYTES = 2 * GIB;
const NEARLY_NONE_BYTES = 0.2 * GIB;

/** The folder that all programs share can be written, and has room. */
export function artifactsCheck(littleBytes = LITTLE_BYTES, nearlyNoneBytes = NEARLY_NONE_BYTES): Check {
  return {
    id: 'artifacts',
    needsSchema: false,
    examine: async ({ configuration }) => {
      if (configuration.artifactStore === 's3') return examineBucket(configuration);
      const folder = resolve(configuration.artifactsDir);
      const say = (level: Level, cause: string, remedy: string): Finding[] => [
        { id: 'artifacts', level, cause, remedy },
      ];
      try {
        await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException; // what node:fs rejects with
        return code === 'ENOENT'
          ? say(
              'warning',
              `The folder for artifacts, ${folder}, does not exist.`,
              'The first upload or run makes it. If there were some: mount it here, or correct SS_ARTIFACTS_DIR.',
            )
          : say(
              'error',
              `The folder for artifacts, ${folder}, cannot be written (${code}).`,
              'Give it to the user that the programs run as.',
            );
      }
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      if (free >= littleBytes) return [];
      const mib = String(Math.round(free / 1024 ** 2));
      return say(
        free < nearlyNoneBytes ? 'error' : 'warning',
        `${mib} MiB are free where artifacts are kept (${folder}).`,
        'Make room: uploads and runs fail when it is full. No job is lost by that; runs are tried again.',
      );
    },
  };
}

/** As the programs do it: by writing. */
async function examineBucket(settings: StoreSettings): Promise<Finding[]> {
  const store = await openArtifactStore(settings);
  try {
    await store.probe();
    return [];
  } catch (error) {
    const why = error instanceof ArtifactStoreUnavailable ? error.why : 'failed';
    return [
      {
        id: 'artifacts',
        level: 'error',
        cause: `The bucket for artifacts, ${settings.s3Bucket ?? ''}, cannot be written (${why}).`,
        remedy: 'Check SS_S3_BUCKET, SS_S3_ENDPOINT, SS_S3_REGION and the credentials (docs/files.md).',
      },
    ];
  }
}
