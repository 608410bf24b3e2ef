import type { Actor } from '#database';
import { ScopeMissing } from './refusals.js';
import type { KeyScope } from './scopes.js';

/** Who asks, for which tenant, and what they may. */
export interface Caller {
  tenantId: string;
  actor: Actor;
  keyName: string;
  scopes: readonly KeyScope[];
}

/** Throws unless the caller's key has the scope. `platform:admin` has them all. */
export function requireScope(caller: Caller, scope: KeyScope): void {
  if (!caller.scopes.includes(scope) && !caller.scopes.includes('platform:admin'))
    throw new ScopeMissing(scope);
}
