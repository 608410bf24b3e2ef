import { type Dirent, lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { opendir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Quarantined } from '../reasons.js';
import { isSafeJobId, isSafeSegment, shardOf } from './names.js';

/** A place in the tree where a job.json may be; `fault` where it is not to be read. */
export interface FoundFile {
  /** Relative to the tree, with slashes. */
  path: string;
  absolutePath: string;
  tenantId: string;
  jobId: string;
  fault: Quarantined | null;
  /** The job stands in the folder of another shard. */
  isMisplaced: boolean;
}

export const DEFAULT_TENANT_ID = 'default';
const JOB_FILE = 'job.json';
/** Folders beside the jobs of a tenant that hold none. */
const NOT_JOBS = new Set(['tenants', '_admin']);
/** Folders inside a job's. */
const IN_JOB = new Set(['inputs', 'artifacts', 'runs']);

interface TenantRoot {
  tenantId: string;
  folder: string;
  prefix: string;
  fault: Quarantined | null;
}

/**
 * Walks a legacy tree in both layouts and for all tenants, without reading a file. Folders come one after the other,
 * so that a million jobs take no more memory than a few.
 */
export async function* walk(root: string, tenants: readonly string[] | null): AsyncGenerator<FoundFile> {
  for await (const tenant of tenantRoots(root)) {
    if (tenants !== null && !tenants.includes(tenant.tenantId)) continue;
    yield* walkTenant(tenant);
  }
}

async function* tenantRoots(root: string): AsyncGenerator<TenantRoot> {
  const real = await realpath(root);
  yield { tenantId: DEFAULT_TENANT_ID, folder: real, prefix: '', fault: null };
  for await (const entry of entriesOf(join(real, 'tenants'))) {
    const kind = kindOf(entry, join(real, 'tenants'), real);
    if (kind === 'other') continue;
    const fault = isSafeSegment(entry.name) ? null : new Quarantined('TENANT_ID_UNSAFE');
    yield {
      tenantId: entry.name,
      folder: join(real, 'tenants', entry.name),
      prefix: `tenants/${entry.name}/`,
      fault: kind === 'folder' ? fault : kind,
    };
  }
}

async function* walkTenant(tenant: TenantRoot): AsyncGenerator<FoundFile> {
  if (tenant.fault && tenant.fault.reason !== 'TENANT_ID_UNSAFE') {
    yield { ...foundIn(tenant, [], ''), fault: tenant.fault };
    return;
  }
  for await (const entry of entriesOf(tenant.folder)) {
    if (NOT_JOBS.has(entry.name)) continue;
    const kind = kindOf(entry, tenant.folder, tenant.folder);
    if (kind === 'other') continue;
    if (kind !== 'folder') {
      yield { ...foundIn(tenant, [entry.name], entry.name), fault: kind };
      continue;
    }
    const isJob = lstatOf(join(tenant.folder, entry.name, JOB_FILE)) !== null;
    if (isJob) yield unsharded(tenant, entry.name);
    yield* walkShard(tenant, entry.name, isJob);
  }
}

/** A folder of jobs; or the folder of a job that has the name of a shard, and then only what belongs there counts. */
async function* walkShard(tenant: TenantRoot, shard: string, isJob: boolean): AsyncGenerator<FoundFile> {
  const folder = join(tenant.folder, shard);
  try {
    for await (const entry of entriesOf(folder)) {
      if (isJob && (IN_JOB.has(entry.name) || shardOf(entry.name) !== shard)) continue;
      const kind = kindOf(entry, folder, tenant.folder);
      if (kind === 'other') continue;
      const found = foundIn(tenant, [shard, entry.name], entry.name);
      if (kind !== 'folder') yield { ...found, fault: kind };
      else yield shardOf(entry.name) === shard ? found : misplaced(tenant, found);
    }
  } catch (error) {
    if (!isJob) yield { ...foundIn(tenant, [shard], shard), fault: unreadable(error) };
  }
}

function foundIn(tenant: TenantRoot, folders: readonly string[], jobId: string): FoundFile {
  const unsafe = isSafeJobId(jobId) ? null : new Quarantined('JOB_ID_UNSAFE');
  return {
    path: tenant.prefix + [...folders, JOB_FILE].join('/'),
    absolutePath: join(tenant.folder, ...folders, JOB_FILE),
    tenantId: tenant.tenantId,
    jobId,
    fault: tenant.fault ?? unsafe,
    isMisplaced: false,
  };
}

/** The legacy reader looks into the shard first, and stays with what it finds there, whatever its state. */
function unsharded(tenant: TenantRoot, jobId: string): FoundFile {
  const found = foundIn(tenant, [jobId], jobId);
  const rival = lstatOf(join(tenant.folder, shardOf(jobId), jobId, JOB_FILE));
  return rival === null || found.fault ? found : { ...found, fault: new Quarantined('DUPLICATE_JOB') };
}

/** In the wrong shard the legacy reader finds it only in lists; a copy in a right place comes first. */
function misplaced(tenant: TenantRoot, found: FoundFile): FoundFile {
  if (found.fault) return found;
  const places = [[shardOf(found.jobId), found.jobId], [found.jobId]];
  const hasRival = places.some((folders) => lstatOf(join(tenant.folder, ...folders, JOB_FILE)) !== null);
  return { ...found, isMisplaced: true, fault: hasRival ? new Quarantined('DUPLICATE_JOB') : null };
}

async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder, { bufferSize: 512 });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
  }
}

/** A link counts as a folder when it leads to one within the bounds; it never is followed out of them. */
function kindOf(entry: Dirent, folder: string, bounds: string): 'folder' | 'other' | Quarantined {
  if (entry.isDirectory()) return 'folder';
  if (!entry.isSymbolicLink()) return 'other';
  try {
    const path = join(folder, entry.name);
    const target = realpathSync(path);
    if (!statSync(target).isDirectory()) return 'other';
    return target.startsWith(bounds + sep) ? 'folder' : new Quarantined('SYMLINK_ESCAPE');
  } catch (error) {
    return unreadable(error);
  }
}

function lstatOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

export function unreadable(error: unknown): Quarantined {
  return new Quarantined('UNREADABLE', [{ detail: codeOf(error) }]);
}

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
}
