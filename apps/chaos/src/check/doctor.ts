import type { SsctlPlace } from '../deployment/ssctl.js';
import { ssctl } from '../deployment/ssctl.js';

interface Finding {
  id: string;
  level: string;
  cause: string;
}

/** The invariants that SQL can tell (I2–I20), as an operator asks for them. */
export async function checkInvariants(place: SsctlPlace): Promise<string[]> {
  const { code, document, said } = await ssctl(['doctor', '--invariants'], place);
  const findings = findingsOf(document);
  if (findings === null)
    return [`ssctl doctor --invariants gave no report (code ${code}): ${said.slice(0, 300)}`];
  return findings.filter(({ level }) => level === 'violated').map(({ id, cause }) => `${id}: ${cause}`);
}

function findingsOf(document: unknown): Finding[] | null {
  if (document === null || typeof document !== 'object' || !('findings' in document)) return null;
  // ssctl's own report; a field that is missing shows as "undefined" in the violation.
  return Array.isArray(document.findings) ? (document.findings as Finding[]) : null;
}
