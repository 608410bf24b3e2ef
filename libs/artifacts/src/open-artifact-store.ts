import type { ArtifactStore } from './artifact-store.js';
import { FolderArtifactStore } from './folder-artifact-store.js';

/** What the settings of every program say of the store. */
export interface StoreSettings {
  artifactStore: 'folder' | 's3';
  artifactsDir: string;
  s3Bucket: string | null;
  s3Region: string | null;
  s3Endpoint: string | null;
  s3Prefix: string | null;
  s3PathStyle: boolean;
  s3TimeoutSeconds: number;
}

/** The store that the settings name; no byte moves yet. */
export async function openArtifactStore(settings: StoreSettings): Promise<ArtifactStore> {
  if (settings.artifactStore === 'folder') return new FolderArtifactStore(settings.artifactsDir);
  if (settings.s3Bucket === null) throw new Error('an S3 store without a bucket');
  // Only where it is wanted: the SDK takes its time to load, and its room.
  const { S3ArtifactStore } = await import('./s3-artifact-store.js');
  return new S3ArtifactStore({
    bucket: settings.s3Bucket,
    region: settings.s3Region,
    endpoint: settings.s3Endpoint,
    prefix: settings.s3Prefix ?? '',
    pathStyle: settings.s3PathStyle,
    timeoutMs: settings.s3TimeoutSeconds * 1_000,
  });
}
