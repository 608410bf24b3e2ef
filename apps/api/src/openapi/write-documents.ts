import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { breakingChanges } from './breaking-changes.js';
import type { Document } from './document.js';
import { renderDocuments } from './render-documents.js';

/**
 * Keeps `docs/openapi/<version>.json`. A version that would break its clients is not written: the change belongs into a
 * new version. Returns what is wrong.
 */
export async function writeDocuments(folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const faults: string[] = [];
  for (const [name, document] of await renderDocuments()) {
    const file = join(folder, `${name}.json`);
    const kept = readKept(file);
    const breaking = kept ? breakingChanges(kept, document) : [];
    if (breaking.length === 0) writeFileSync(file, `${JSON.stringify(document, null, 1)}\n`);
    else faults.push(...breaking.map((fault) => `${name}: ${fault}`));
  }
  return faults;
}

/** Null: the version is new. */
export function readKept(file: string): Document | null {
  try {
    // Written by this module alone.
    return JSON.parse(readFileSync(file, 'utf8')) as Document;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
