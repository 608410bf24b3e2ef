import { type DependencyCheck, Unhealthy } from '#health';

/** Fails when a loop has not looked for work with success for too long: its slots are free and nothing fills them. */
export function claimLoopCheck(
  lookAges: () => Readonly<Record<string, number>>,
  maxAgeMs: number,
): DependencyCheck {
  return {
    name: 'claim_loop',
    check: () => {
      const slow = Object.entries(lookAges()).filter(([, age]) => age > maxAgeMs);
      if (slow.length === 0) return Promise.resolve();
      const ages = slow.map(([name, age]) => `${name} ${String(Math.round(age / 1_000))} s ago`);
      return Promise.reject(new Unhealthy('look_too_old', `last looked for work: ${ages.join(', ')}`));
    },
  };
}
