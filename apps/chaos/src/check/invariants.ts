import { ssctl, type SsctlPlace } from '../deployment/ssctl.js';

interface Finding {
  id: string;
  level: string;
  cause: string;
}

/** What was told once: rows that break a rule stay there, and the faults that follow are not to blame. */
const told = new Set<string>();
const MAX_CAUSE = 500;

/** The invariants that SQL can tell (I2–I20), as an operator asks for them. */
export async function checkInvariants(place: SsctlPlace): Promise<string[]> {
  const { code, document, said } = await ssctl(['doctor', '--invariants'], place);
  const findings = findingsOf(document);
  if (findings === null)
    return [`ssctl doctor --invariants gave no report (code ${String(code)}): ${said.slice(0, MAX_CAUSE)}`];
  const violated = findings
    .filter(({ level }) => level === 'violated')
    .map(({ id, cause }) => `${id}: ${cause.slice(0, MAX_CAUSE)}`)
    .filter((violation) => !told.has(violation));
  for (const violation of violated) told.add(violation);
  return violated;
}

function findingsOf(document: unknown): Finding[] | null {
  if (document === null || typeof document !== 'object' || !('findings' in document)) return null;
  // ssctl's own report; a field that is missing shows as "undefined" in the violation.
  return Array.isArray(document.findings) ? (document.findings as Finding[]) : null;
}
