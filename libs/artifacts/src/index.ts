export {
  type ArtifactRef,
  type ArtifactStore,
  type ByteRange,
  type JobPlace,
  type LocalCopy,
  type PresignedPut,
  type Removed,
  type WriteLimits,
  type Written,
} from './artifact-store.js';
export {
  ArtifactChanged,
  ArtifactNotFound,
  ArtifactPathUnsafe,
  ArtifactStoreUnavailable,
  UploadTooLarge,
} from './artifact-refusals.js';
export { FolderArtifactStore } from './folder-artifact-store.js';
export { openArtifactStore, type StoreSettings } from './open-artifact-store.js';
export { assertSafeRelPath, MAX_REL_PATH_CHARS } from './rel-path.js';
