import type { Instant } from '#database';
import { hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { sep } from 'node:path';
import { Quarantined } from '../reasons.js';
import { codeOf, unreadable } from './walk.js';

export interface FileContent {
  bytes: Uint8Array;
  sha256: string;
  /** When it was last written. */
  time: Instant;
  /** Tells whether the file is still the one that was read. */
  stamp: string;
}

const MAX_BYTES = 16 * 1024 * 1024;
const ATTEMPTS = 3;
// Never through a link that was put there after the look, and never waiting for the other end of a pipe.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file of the tree without touching it; null when there is none. A link is followed within the tree. Throws
 * `Quarantined`. Synchronous: for small files the calls take less time than waiting for a thread does.
 */
export function readFileOf(path: string, root: string): FileContent | null {
  try {
    const seen = lstatSync(path);
    const target = seen.isSymbolicLink() ? targetOf(path, root) : path;
    const stats = target === path ? seen : lstatSync(target);
    if (!stats.isFile()) throw new Quarantined('NOT_A_FILE');
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const content = readOnce(target);
      if (content) return content;
    }
    throw new Quarantined('UNREADABLE', [{ detail: 'it changes while it is read' }]);
  } catch (error) {
    if (error instanceof Quarantined) throw error;
    if (isNotThere(error, path)) return null;
    throw unreadable(error);
  }
}

/** The file has not been written or replaced since. */
export function isUntouched(path: string, stamp: string): boolean {
  try {
    const seen = lstatSync(path);
    return stampOf(seen.isSymbolicLink() ? lstatSync(realpathSync(path)) : seen) === stamp;
  } catch {
    return false;
  }
}

/** A link that leads nowhere is there; a folder without the file is no job. */
function isNotThere(error: unknown, path: string): boolean {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') return false;
  try {
    lstatSync(path);
    return false;
  } catch {
    return true;
  }
}

function targetOf(path: string, root: string): string {
  const target = realpathSync(path);
  if (!target.startsWith(root + sep)) throw new Quarantined('SYMLINK_ESCAPE');
  return target;
}

/** Null: it was written to meanwhile. */
function readOnce(path: string): FileContent | null {
  const file = openSync(path, FLAGS);
  try {
    const before = fstatSync(file);
    if (!before.isFile()) throw new Quarantined('NOT_A_FILE');
    if (before.size > MAX_BYTES) throw new Quarantined('TOO_LARGE');
    // One byte more than it should have: a file that grows shows.
    const buffer = Buffer.allocUnsafe(before.size + 1);
    let length = 0;
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) break;
    }
    if (length !== before.size || stampOf(fstatSync(file)) !== stampOf(before)) return null;
    const bytes = buffer.subarray(0, length);
    return {
      bytes,
      sha256: hash('sha256', bytes, 'hex'),
      time: `${new Date(Math.round(before.mtimeMs)).toISOString().slice(0, -1)}000Z`,
      stamp: stampOf(before),
    };
  } finally {
    closeSync(file);
  }
}

function stampOf({ dev, ino, size, mtimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs].join(' ');
}
