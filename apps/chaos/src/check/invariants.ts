import { findViolations, INVARIANTS } from '#jobs';
import type { Server } from '../deployment/server.js';

/** Everything is at rest by now: rows and messages get the time of a reconciler's round, and leases none. */
const GRACE = { quietSeconds: 90, sweepSeconds: 10 };
const MAX_ROW = 300;

/** The invariants that SQL can tell (I2–I20). */
export async function checkInvariants(server: Server): Promise<string[]> {
  const found: string[] = [];
  for (const invariant of INVARIANTS) {
    const { total, rows } = await findViolations(
      (text, values) => server.sql(text, [...values]),
      invariant,
      GRACE,
    );
    if (total > 0)
      found.push(
        `${invariant.id}: ${String(total)} × not so: ${invariant.says} ${JSON.stringify(rows[0]).slice(0, MAX_ROW)}`,
      );
  }
  return found;
}
