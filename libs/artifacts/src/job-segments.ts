import { createHash } from 'node:crypto';
import type { JobPlace } from './artifact-store.js';
import { encodeSegment } from './path-segment.js';

/**
 * The folders that lead to a job's files: `<tenant>/<shard>/<job>`.
 * The shard is two hex digits of SHA-256 over the job id. The first two characters of the id itself will not
 * do: ids share their beginnings (a prefix, a date), so that nearly all jobs would meet in one folder.
 */
export function jobSegments({ tenantId, jobId }: JobPlace): [tenant: string, shard: string, job: string] {
  const shard = createHash('sha256').update(jobId).digest('hex').slice(0, 2);
  return [encodeSegment(tenantId), shard, encodeSegment(jobId)];
}
