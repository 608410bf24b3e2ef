import { type Grace, INVARIANTS } from '#jobs';
import type { Check } from '../check.js';
import { artifactsCheck } from './artifacts.js';
import { indexBloatCheck, invalidIndexesCheck, unusedIndexesCheck } from './indexes.js';
import { invariantCheck } from './invariant-checks.js';
import { rolesCheck } from './roles.js';
import { auditPartitionsCheck, queueSchemaCheck, schemaCheck } from './schema.js';
import { clockCheck, connectionsCheck, serverCheck } from './server.js';
import { deadRowsCheck, oldSnapshotsCheck, wraparoundCheck } from './vacuum.js';
import { queuesCheck, stuckJobsCheck, workersCheck } from './work.js';

/** Invariants that a look at the deployment asks for as well: tenants kept apart, rows and messages that agree. */
const ALWAYS = ['I10', 'I17'];

/** What `ssctl doctor` looks at, in this order. */
export function checks(grace: Grace): Check[] {
  return [
    serverCheck,
    clockCheck(),
    rolesCheck,
    schemaCheck,
    queueSchemaCheck,
    auditPartitionsCheck,
    connectionsCheck(),
    ...INVARIANTS.filter(({ id }) => ALWAYS.includes(id)).map((invariant) =>
      invariantCheck(invariant, grace),
    ),
    workersCheck,
    stuckJobsCheck(grace.sweepSeconds),
    queuesCheck,
    deadRowsCheck(),
    wraparoundCheck(),
    oldSnapshotsCheck(),
    invalidIndexesCheck,
    indexBloatCheck(),
    unusedIndexesCheck(),
    artifactsCheck(),
  ];
}
