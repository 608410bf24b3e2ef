import { type Detail, type Quarantine, type Quarantined, REPAIRS } from '../reasons.js';

export const OUTCOMES = ['migrated', 'repaired', 'quarantined', 'unchanged'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What became of a file: a line of the report, and a row of `migration_item`. Names are the row's columns. */
export interface MigrationItem {
  kind: 'job' | 'queue_record';
  path: string;
  tenant_id: string;
  job_id: string;
  outcome: Outcome | 'enqueue' | 'ignored';
  reasons: string[];
  details: readonly Detail[];
  from_version: number | null;
  to_version: number | null;
  steps: readonly string[];
  sha256: string | null;
  bytes: number | null;
}

export type Place = Pick<MigrationItem, 'path' | 'tenant_id' | 'job_id'>;
export type Known = Partial<
  Pick<MigrationItem, 'sha256' | 'bytes' | 'from_version' | 'to_version' | 'steps'>
>;

const NOTHING = { from_version: null, to_version: null, steps: [], sha256: null, bytes: null } as const;
/** A document may have a fault in each of a million places; so many are told. */
const MAX_DETAILS = 100;

export function lifted(place: Place, details: readonly Detail[], known: Known): MigrationItem {
  const reasons = reasonsOf(details);
  return {
    ...{ kind: 'job', ...place, outcome: reasons.length > 0 ? 'repaired' : 'migrated', reasons },
    ...{ details: details.slice(0, MAX_DETAILS), ...NOTHING, ...known },
  };
}

export function unchanged(place: Place, known: Known): MigrationItem {
  return { kind: 'job', ...place, outcome: 'unchanged', reasons: [], details: [], ...NOTHING, ...known };
}

export function quarantined(place: Place, why: Quarantined, known: Known = {}): MigrationItem {
  return {
    ...{ kind: 'job', ...place, outcome: 'quarantined', reasons: [why.reason] },
    ...{ details: why.details.slice(0, MAX_DETAILS), ...NOTHING, ...known },
  };
}

/** The reason for which `--strict` refuses these repairs; null when the legacy reader takes the document as it is. */
export function strictRefusal(details: readonly Detail[]): Quarantine | null {
  for (const { reason } of details) {
    const strict = reason in REPAIRS ? REPAIRS[reason as keyof typeof REPAIRS].strict : null;
    if (strict !== null) return strict;
  }
  return null;
}

function reasonsOf(details: readonly Detail[]): string[] {
  return [...new Set(details.map((detail) => detail.reason))];
}

/** The line of the report. */
export function reportLine(item: MigrationItem): string {
  const {
    kind,
    path,
    tenant_id,
    job_id,
    outcome,
    reasons,
    from_version,
    to_version,
    sha256,
    steps,
    details,
  } = item;
  return JSON.stringify({
    ...(kind === 'job' ? {} : { kind }),
    ...{ path, tenant_id, job_id, outcome, reasons, from_version, to_version, sha256, steps, details },
  });
}
