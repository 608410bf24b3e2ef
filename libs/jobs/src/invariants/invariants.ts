import { agreementInvariants } from './agreement-invariants.js';
import { auditInvariants } from './audit-invariants.js';
import type { Invariant } from './invariant.js';
import { runInvariants } from './run-invariants.js';
import { serverInvariants } from './server-invariants.js';

const inOrder = (one: Invariant, other: Invariant): number => numberOf(one) - numberOf(other);
const numberOf = ({ id }: Invariant): number => Number(id.slice(1));

/** Every invariant that SQL can tell, by its number. */
export const INVARIANTS: readonly Invariant[] = [
  ...auditInvariants,
  ...runInvariants,
  ...agreementInvariants,
  ...serverInvariants,
].sort(inOrder);

/** The others, and what is needed to tell. */
export const NOT_TOLD_BY_SQL = [
  {
    id: 'I1',
    why: 'What clients were told is known to the clients alone; npm run chaos keeps their log and compares.',
  },
  {
    id: 'I12',
    why: 'Caps on running jobs are a matter of many moments; one look at the rows shows one of them.',
  },
  {
    id: 'I15',
    why: 'The ledger of model calls is compared with the provider’s own log, which is not in the database.',
  },
  { id: 'I16', why: 'The sealed audit is verified by a command of its own.' },
  {
    id: 'I18',
    why: 'What was lifted from legacy files is compared with those files, by a command of its own.',
  },
] as const;
