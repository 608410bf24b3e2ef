/** Why those of several races that lost did so, in the order in which they were started. */
export function rejectionsOf(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  const reasons: unknown[] = [];
  for (const outcome of outcomes) if (outcome.status === 'rejected') reasons.push(outcome.reason);
  return reasons;
}
