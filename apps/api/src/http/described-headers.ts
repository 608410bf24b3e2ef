import type { OpenAPIObject } from '@nestjs/swagger';

const REF = '#/components/headers/';

/** What answers under a key have in common. `RateLimit` and its policy only for a tenant with a limit. */
const HEADERS = {
  'X-SS-Request-Id': {
    description:
      'Of the request: the client’s own, or a new one. It finds the request in the log and the audit.',
    schema: { type: 'string' },
    example: '3f2c9f0e5b7a4d1c8e6f0a1b2c3d4e5f',
  },
  RateLimit: {
    description: 'What is left of the quota, and in how many seconds it is whole again.',
    schema: { type: 'string' },
    example: '"requests";r=49;t=1',
  },
  'RateLimit-Policy': {
    description: 'The quota of the tenant, and its window in seconds.',
    schema: { type: 'string' },
    example: '"requests";q=50;w=1',
  },
} as const;

/** Names them at every answer of every route behind a key. */
export function describeHeaders(document: OpenAPIObject): void {
  document.components = { ...document.components, headers: { ...document.components?.headers, ...HEADERS } };
  const common = Object.fromEntries(Object.keys(HEADERS).map((name) => [name, { $ref: `${REF}${name}` }]));
  for (const [path, item] of Object.entries(document.paths)) {
    if (!path.startsWith('/v1/')) continue;
    for (const operation of [item.get, item.post, item.put, item.patch, item.delete]) {
      for (const response of Object.values(operation?.responses ?? {})) {
        if (response && !('$ref' in response)) response.headers = { ...common, ...response.headers };
      }
    }
  }
}
