import type { Readable } from 'node:stream';

/** Where a file belongs and what it is called there; a store alone turns this into a place. */
export interface ArtifactRef {
  tenantId: string;
  jobId: string;
  /** A relative path of safe segments, chosen by the program; see `rel-path.ts`. */
  storageName: string;
}

/** Whose files they are. */
export type JobPlace = Omit<ArtifactRef, 'storageName'>;

export interface Removed {
  files: number;
  bytes: number;
}

export interface StoreRoom {
  totalBytes: number;
  freeBytes: number;
}

export interface WriteLimits {
  maxBytes: number;
  signal?: AbortSignal;
}

export interface Written {
  bytes: number;
  /** Lower-case hex, over exactly the bytes that were kept. */
  sha256: string;
}

/** Both ends are counted from zero and belong to the range, as in an HTTP `Range`. */
export interface ByteRange {
  start: number;
  end?: number;
}

/** Where a copy is made, if one has to be, and what it has to be; null where nobody knows. */
export interface LocalCopy {
  folder: string;
  sha256: string | null;
}

/** What somebody says that they will send. */
export interface AnnouncedFile {
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
  ttlSeconds: number;
}

/** A request by which whoever has it can send one file, of announced length and hash. */
export interface PresignedPut {
  url: string;
  /** To be sent as they are. */
  headers: Readonly<Record<string, string>>;
}

/** Where bytes live: a file is there whole or not at all, and is found again by its reference alone. */
export interface ArtifactStore {
  /** Keeps the whole source under the reference, replacing what was there; a cut source changes nothing. */
  write(
    ref: ArtifactRef,
    source: AsyncIterable<Uint8Array> | Readable,
    limits: WriteLimits,
  ): Promise<Written>;
  /** Reads the file, or a range of it; refuses with `ARTIFACT_NOT_FOUND` before the first byte. */
  open(ref: ArtifactRef, range?: ByteRange): Promise<Readable>;
  /** How large the file is; null when there is none. */
  stat(ref: ArtifactRef): Promise<{ bytes: number } | null>;
  /**
   * A path on this machine that a child process can read: where the file lies, or a copy, made in a folder that the
   * caller removes. A copy that has another hash than it should is refused with `ARTIFACT_CHANGED`.
   */
  localPath(ref: ArtifactRef, copy: LocalCopy): Promise<string>;
  /** An address to which somebody else can send the file, once; null where the store has none to give. */
  presign(ref: ArtifactRef, announced: AnnouncedFile): Promise<PresignedPut | null>;
  /** Forgets the file; content with its being gone already. */
  remove(ref: ArtifactRef): Promise<void>;
  /**
   * Forgets the files of the job, all of them, or those that nobody has touched since `before`; content with their being
   * gone already.
   */
  removeAll(job: JobPlace, before?: Date): Promise<Removed>;
  /** Every job that has a place here, whether it has files or not, in no order. */
  jobs(): AsyncIterable<JobPlace>;
  /** Writes and removes a small file, so that readiness speaks from experience. */
  probe(): Promise<void>;
  /** How large the place is and what is left of it; null where nobody can say. */
  room(): Promise<StoreRoom | null>;
}
