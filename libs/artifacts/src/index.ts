export {
  type ArtifactRef,
  type ArtifactStore,
  type ByteRange,
  type JobPlace,
  type Removed,
  type WriteLimits,
  type Written,
} from './artifact-store.js';
export { ArtifactNotFound, ArtifactPathUnsafe, UploadTooLarge } from './artifact-refusals.js';
export { FolderArtifactStore } from './folder-artifact-store.js';
export { assertSafeRelPath, MAX_REL_PATH_CHARS } from './rel-path.js';
