import { type Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSafeSegment } from '../tree/names.js';
import { codeOf, DEFAULT_TENANT_ID } from '../tree/walk.js';

export interface FoundRecord {
  /** Relative to the queue, with slashes. */
  path: string;
  absolutePath: string;
  tenantId: string;
  /** What the name of the file says. */
  jobId: string;
  isClaimed: boolean;
  hasSafeTenant: boolean;
}

/** Every record of a legacy queue: those that wait before those that are claimed, as the legacy worker looks at them. */
export async function* walkRecords(queue: string): AsyncGenerator<FoundRecord> {
  for (const state of ['queued', 'claimed'] as const) {
    const folder = join(queue, state);
    for await (const entry of entriesOf(folder)) {
      if (!entry.isDirectory()) yield* recordIn(queue, state, null, entry);
    }
    for await (const entry of entriesOf(folder)) {
      if (!entry.isDirectory()) continue;
      for await (const inner of entriesOf(join(folder, entry.name))) {
        if (!inner.isDirectory()) yield* recordIn(queue, state, entry.name, inner);
      }
    }
  }
}

/** A claim that was being taken when its worker died is a record, too: `.tmp` behind a whole name. */
const NAMES = { queued: /^(.*)\.json$/s, claimed: /^(.*)__[^_]*\.(?:json|tmp)$/s };

function* recordIn(
  queue: string,
  state: 'queued' | 'claimed',
  tenant: string | null,
  entry: Dirent,
): Generator<FoundRecord> {
  const jobId = NAMES[state].exec(entry.name)?.[1];
  if (jobId === undefined) return;
  const path = [state, ...(tenant === null ? [] : [tenant]), entry.name].join('/');
  yield {
    path,
    absolutePath: join(queue, path),
    tenantId: tenant ?? DEFAULT_TENANT_ID,
    jobId,
    isClaimed: state === 'claimed',
    hasSafeTenant: tenant === null || isSafeSegment(tenant),
  };
}

async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder, { bufferSize: 512 });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
  }
}
