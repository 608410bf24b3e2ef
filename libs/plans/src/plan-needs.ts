import type { Plan } from './plan.js';

/** What a worker must be able to do for this plan: the types of its steps, and `command:<profile>` of each profile. */
export function planNeeds(plan: Pick<Plan, 'steps'>): string[] {
  const needs = new Set<string>();
  for (const step of plan.steps) {
    needs.add(step.type);
    if (step.type === 'command') needs.add(commandNeed(step.params.profile));
  }
  return [...needs].sort();
}

/** How the need for one command profile is written, and how a worker that has it says so. */
export function commandNeed(profile: string): string {
  return `command:${profile}`;
}
