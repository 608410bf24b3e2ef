import type { Actor } from '#database';
import { ScopeMissing, ScopeNotHeld } from './refusals.js';
import type { KeyScope } from './scopes.js';

/** Who asks, for which tenant, and what they may. */
export interface Caller {
  tenantId: string;
  actor: Actor;
  /** What people call it: the name of a key, the client of an access token. */
  name: string;
  scopes: readonly KeyScope[];
}

/** `platform:admin` has them all. */
export function hasScope(caller: Caller, scope: KeyScope): boolean {
  return caller.scopes.includes(scope) || caller.scopes.includes('platform:admin');
}

/** Throws unless the caller has the scope. */
export function requireScope(caller: Caller, scope: KeyScope): void {
  if (!hasScope(caller, scope)) throw new ScopeMissing(scope);
}

/** Throws unless the caller may hand these scopes on: those that it has, and never `platform:admin`. */
export function requireMayGive(caller: Caller, scopes: readonly KeyScope[]): void {
  const refused = scopes.find((scope) => scope === 'platform:admin' || !hasScope(caller, scope));
  if (refused !== undefined) throw new ScopeNotHeld(refused);
}
