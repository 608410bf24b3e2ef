/** What a key may do. A scope names a kind of resource and a kind of act on it. */
export const SCOPES = [
  'jobs:read',
  'jobs:write',
  'jobs:confirm',
  'artifacts:read',
  'audit:read',
  'tenant:admin',
  'platform:admin',
] as const;

export type KeyScope = (typeof SCOPES)[number];

/** Everything within one tenant. `platform:admin`, which may choose a tenant, has to be asked for by name. */
export const TENANT_SCOPES: readonly KeyScope[] = SCOPES.filter((scope) => scope !== 'platform:admin');

export function isKeyScope(text: string): text is KeyScope {
  return (SCOPES as readonly string[]).includes(text);
}
