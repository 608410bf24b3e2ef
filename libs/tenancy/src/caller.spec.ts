import { describe, expect, it } from '@jest/globals';
import { type Caller, requireScope } from './caller.js';
import { SCOPES, TENANT_SCOPES } from './scopes.js';

const caller = (scopes: Caller['scopes']): Caller => ({
  ...{ tenantId: 't', actor: { kind: 'api_key', id: 'k' }, name: 'n', scopes },
});

describe('requireScope', () => {
  it.each(SCOPES)('lets a key with %s do what that allows', (scope) => {
    expect(() => {
      requireScope(caller([scope]), scope);
    }).not.toThrow();
  });

  it.each(TENANT_SCOPES)('refuses %s to a key that has all others of its tenant, and names it', (scope) => {
    const others = TENANT_SCOPES.filter((other) => other !== scope);
    expect(() => {
      requireScope(caller(others), scope);
    }).toThrow(expect.objectContaining({ code: 'AUTH_SCOPE_MISSING', facts: { scope } }));
  });

  it('lets a platform key do everything', () => {
    for (const scope of SCOPES) requireScope(caller(['platform:admin']), scope);
  });
});
