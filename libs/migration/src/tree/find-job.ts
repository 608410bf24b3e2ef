import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { isSafeJobId, isSafeSegment, shardOf } from './names.js';
import { DEFAULT_TENANT_ID, type FoundFile } from './walk.js';

/** Where the legacy reader would find this job: in its shard, else beside the shards. Null: nowhere. */
export function findJob(root: string, tenantId: string, jobId: string): FoundFile | null {
  if (!isSafeSegment(tenantId) || !isSafeJobId(jobId) || jobId.includes('\0') || tenantId.includes('\0'))
    return null;
  const prefix = tenantId === DEFAULT_TENANT_ID ? '' : `tenants/${tenantId}/`;
  for (const place of [`${shardOf(jobId)}/${jobId}`, jobId]) {
    const path = `${prefix}${place}/job.json`;
    const absolutePath = join(root, path);
    if (!isThere(absolutePath)) continue;
    if (!isInside(dirname(absolutePath), join(root, prefix))) return null;
    return { path, absolutePath, tenantId, jobId, fault: null, isMisplaced: false };
  }
  return null;
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** No folder on the way is a link that leads out of the tenant's. */
function isInside(folder: string, bounds: string): boolean {
  try {
    return realpathSync(folder).startsWith(realpathSync(bounds) + sep);
  } catch {
    return false;
  }
}
