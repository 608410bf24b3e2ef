import { createHash } from 'node:crypto';
import { DATA_VERSIONS, type DataVersions, lift } from './data-versions.js';
import { decode } from './format/decode.js';
import type { JsonObject } from './format/json.js';
import { legacyJob } from './format/legacy-format.js';
import type { LegacyJob } from './format/legacy-job.js';
import { repairOptionStrings } from './format/option-strings.js';
import { Findings } from './format/rules.js';
import { type Detail, Quarantined } from './reasons.js';
import { isSafeSegment } from './tree/names.js';

/** Whose file it is, by the folder that it stands in. */
export interface Identity {
  tenantId: string;
  jobId: string;
}

/** A document as it was taken in. */
export interface ReadDocument {
  job: LegacyJob;
  from: number;
  to: number;
  steps: string[];
  repairs: Detail[];
}

/** From the bytes of a job.json to what the legacy reader would make of it, under the folder's name. Throws `Quarantined`. */
export function readDocument(
  bytes: Uint8Array,
  identity: Identity,
  versions: DataVersions = DATA_VERSIONS,
): ReadDocument {
  const decoded = decode(bytes);
  const lifted = lift(decoded.document, versions);
  const options = repairOptionStrings(lifted.document);
  const findings = new Findings();
  const read = legacyJob(withTraceId(options.document, identity), findings);
  assertUsable(read as JsonObject, findings);
  // The table of the format has seen every field.
  const job = read as LegacyJob;
  const repairs = [...decoded.repairs, ...lifted.repairs, ...options.repairs, ...findings.repairs];
  for (const [field, actual] of [
    ['job_id', identity.jobId],
    ['tenant_id', identity.tenantId],
  ] as const) {
    if (job[field] !== actual) repairs.push({ reason: 'IDENTITY_FROM_DIRECTORY', pointer: `/${field}` });
  }
  return {
    job: { ...job, tenant_id: identity.tenantId, job_id: identity.jobId },
    from: lifted.from,
    to: lifted.to,
    steps: lifted.steps,
    repairs,
  };
}

function assertUsable(read: JsonObject, findings: Findings): void {
  const tenant = findings.faults.length === 0 ? read['tenant_id'] : null;
  if (typeof tenant === 'string' && !isSafeSegment(tenant)) {
    findings.fault('must be a name that a folder can have', 'tenant_id');
  }
  if (findings.faults.length > 0) throw new Quarantined('DOCUMENT_INVALID', findings.faults);
  if (findings.unsafePaths.length > 0) throw new Quarantined('PATH_UNSAFE', findings.unsafePaths);
}

/**
 * The legacy reader gives a job without a trace id a random one. Here it comes from whose job it is, so that lifting
 * the same file again, after a crash say, gives the same rows.
 */
function withTraceId(document: JsonObject, { tenantId, jobId }: Identity): JsonObject {
  const { trace_id: traceId } = document;
  if (typeof traceId === 'string' && !/^[\s\u001c-\u001f\u0085]*$/.test(traceId)) return document; // eslint-disable-line no-control-regex -- what Python calls blank
  const made = createHash('sha256')
    .update(JSON.stringify(['legacy trace', tenantId, jobId]))
    .digest('hex');
  return { ...document, trace_id: made.slice(0, 32) };
}
