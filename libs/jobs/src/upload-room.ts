import { UploadTooLarge } from '#artifacts';
import { StorageExceeded } from '#tenancy';
import type { StorageUse } from './storage-limit.js';

/** What a multipart body holds beside its files, at most: names, roles and boundaries of as many as a job may have. */
const BESIDE_FILES = 64 * 1024;

/** What one upload may bring: each of its files, and all of them together. */
export class UploadRoom {
  private readonly fileBytes: number;
  private received = 0;

  /** `maxBytes`: of a file of whichever tenant. */
  constructor(
    maxBytes: number,
    private readonly use: StorageUse,
    private readonly maxFiles: number,
  ) {
    this.fileBytes = Math.min(maxBytes, use.upload_bytes ?? maxBytes);
  }

  /** Throws when a body of this length cannot fit, whatever its files are: before any of it is read. */
  assertHolds(bodyBytes: number): void {
    const bytes = bodyBytes - BESIDE_FILES;
    if (bytes > this.storageBytes) throw this.storageExceeded();
    if (bytes > this.fileBytes * this.maxFiles) throw new UploadTooLarge(this.fileBytes, bodyBytes);
  }

  /** Of the next file. */
  get maxBytes(): number {
    return Math.min(this.fileBytes, this.storageBytes);
  }

  take(bytes: number): void {
    this.received += bytes;
  }

  /** Why a file that is larger than {@link maxBytes} is refused: it is the tenant's storage that is full, or the file too large. */
  refusalOf(tooLarge: UploadTooLarge): UploadTooLarge | StorageExceeded {
    return this.storageBytes < this.fileBytes ? this.storageExceeded() : tooLarge;
  }

  private get storageBytes(): number {
    const { storage_bytes: limit, stored_bytes: stored } = this.use;
    return limit === null ? Infinity : Math.max(0, limit - stored - this.received);
  }

  private storageExceeded(): StorageExceeded {
    return new StorageExceeded(this.use.storage_bytes ?? Infinity, this.use.stored_bytes);
  }
}
