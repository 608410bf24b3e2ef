import type { Environment } from '#configuration';
import type { Grace } from '#jobs';
import type { Check } from '../check.js';

/** What `ssctl doctor` looks at, in this order. */
export function checks(_environment: Environment, _grace: Grace): Check[] {
  return [];
}
