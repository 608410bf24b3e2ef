import { describe, expect, it } from '@jest/globals';
import { UploadTooLarge } from '#artifacts';
import type { StorageUse } from './storage-limit.js';
import { UploadRoom } from './upload-room.js';

const NO_LIMITS: StorageUse = { upload_bytes: null, storage_bytes: null, stored_bytes: 12 };
const room = (use: Partial<StorageUse>): UploadRoom => new UploadRoom(1_000_000, { ...NO_LIMITS, ...use }, 5);
const refusalOf = (tight: UploadRoom, bodyBytes: number): unknown => {
  try {
    tight.assertHolds(bodyBytes);
    return null;
  } catch (error) {
    return error;
  }
};
const TOO_LARGE = new UploadTooLarge(1, 2);

describe('what one upload may bring', () => {
  it('is a file of what everyone may, where the tenant has no limits, or larger ones', () => {
    expect(room({}).maxBytes).toBe(1_000_000);
    expect(room({ upload_bytes: 2_000_000, storage_bytes: 9_000_000 }).maxBytes).toBe(1_000_000);
  });

  it('is a file of what the tenant may', () => {
    const smaller = room({ upload_bytes: 1_000, storage_bytes: 9_000 });
    expect(smaller.maxBytes).toBe(1_000);
    expect(smaller.refusalOf(TOO_LARGE)).toBe(TOO_LARGE);
  });

  it('is what is left of the storage, less with each file, and nothing when there is none left', () => {
    const left = room({ storage_bytes: 1_012 });
    expect(left.maxBytes).toBe(1_000);
    left.take(600);
    expect(left.maxBytes).toBe(400);
    expect(left.refusalOf(TOO_LARGE)).toMatchObject({
      code: 'QUOTA_STORAGE_EXCEEDED',
      facts: { limit: 1_012, current: 12 },
    });
    expect(room({ storage_bytes: 5 }).maxBytes).toBe(0);
  });

  it('cannot be a body that is longer than all that there is room for, with some room for what is no file', () => {
    const beside = 64 * 1024;
    const tight = room({ storage_bytes: 1_012 });
    expect(refusalOf(tight, 1_000 + beside)).toBeNull();
    expect(refusalOf(tight, 1_001 + beside)).toMatchObject({ code: 'QUOTA_STORAGE_EXCEEDED' });
    const five = room({ upload_bytes: 1_000 });
    expect(refusalOf(five, 5_000 + beside)).toBeNull();
    expect(refusalOf(five, 5_001 + beside)).toMatchObject({
      code: 'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
      facts: { limit: 1_000, current: 5_001 + beside },
    });
  });
});
