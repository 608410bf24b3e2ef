import { DomainError, type Fault } from '#observability';

/** The plan was refused: each fault names its place by a JSON pointer that starts at the plan. */
export class PlanInvalid extends DomainError {
  constructor(faults: readonly Fault[], total = faults.length) {
    super('PLAN_INVALID', sentence(faults, total), { fault_count: total }, faults);
  }
}

function sentence(faults: readonly Fault[], total: number): string {
  const [first] = faults;
  if (first === undefined) return 'The plan is not valid.';
  const place = first.pointer === '' ? 'the plan' : first.pointer;
  const rest = total > 1 ? ` (and ${total - 1} more)` : '';
  return `The plan is not valid: ${place} ${first.detail}${rest}.`;
}
