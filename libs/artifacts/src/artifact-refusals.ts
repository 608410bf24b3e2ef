import { DomainError } from '#observability';

/** A path or a name that could mean another place than it says. */
export class ArtifactPathUnsafe extends DomainError {
  constructor(reason: string) {
    super('ARTIFACT_PATH_UNSAFE', `This artifact path is refused: ${reason}.`, { reason });
  }
}

export class ArtifactNotFound extends DomainError {
  constructor() {
    super('ARTIFACT_NOT_FOUND', 'There is no such file in the artifact store.');
  }
}

export class UploadTooLarge extends DomainError {
  /** `bytes`: as many as were seen when it was clear. */
  constructor(maxBytes: number, bytes: number) {
    super(
      'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
      `The file is larger than the ${String(maxBytes)} bytes that are allowed here.`,
      { limit: maxBytes, current: bytes },
    );
  }
}

/** The file is there, and is another than the one that was kept. */
export class ArtifactChanged extends DomainError {
  constructor() {
    super('ARTIFACT_CHANGED', 'The file in the artifact store is not the one that was kept there.');
  }
}

/** In the words that probes use. */
export type StoreFault = 'unreachable' | 'access_denied' | 'missing';

/** The store does not do its work now; nothing is known of the file. */
export class ArtifactStoreUnavailable extends DomainError {
  constructor(
    readonly why: StoreFault,
    cause: unknown,
  ) {
    super('ARTIFACT_STORE_UNAVAILABLE', `The artifact store cannot serve now (${why}).`, {}, [], { cause });
  }
}
