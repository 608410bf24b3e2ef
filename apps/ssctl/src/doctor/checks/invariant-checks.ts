import { findViolations, type Grace, type Invariant, INVARIANTS } from '#jobs';
import type { Check } from '../check.js';

/** Of this one the login sees more than the role: what other sessions do. */
const SEEN_BY_LOGIN = 'I19';

const SHOWN = 3;

export function invariantCheck(invariant: Invariant, grace: Grace): Check {
  const { id, says, remedy } = invariant;
  return {
    id,
    needsSchema: true,
    examine: async ({ ask, askRows }) => {
      const { total, rows } = await findViolations(id === SEEN_BY_LOGIN ? ask : askRows, invariant, grace);
      if (total === 0) return [];
      const examples = rows.slice(0, SHOWN).map(inWords).join('; ');
      const count = total === 1 ? '1 row breaks this' : `${String(total)} rows break this`;
      return [{ id, level: 'violated', cause: `${says} ${count}: ${examples}`, remedy, rows }];
    },
  };
}

export function invariantChecks(grace: Grace): Check[] {
  return INVARIANTS.map((invariant) => invariantCheck(invariant, grace));
}

function inWords(row: Record<string, unknown>): string {
  return Object.entries(row)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}
