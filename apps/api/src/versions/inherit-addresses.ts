import type { IncomingMessage } from 'node:http';
import type { RouteTable } from '../http/route-table.js';
import type { ApiVersions } from './api-versions.js';
import { rememberAsked } from './path-of.js';

/** What Fastify is to look for instead of an address that its version has no route of its own for. */
export function inheritAddresses(
  versions: ApiVersions,
  routes: RouteTable,
): (request: IncomingMessage) => string {
  return (request) => {
    const { url = '', method = '' } = request;
    const path = url.split('?')[0] ?? '';
    const version = versions.find(path);
    if (version === null || routes.methodsOf(path).includes(method)) return url;
    const inherited = versions.inheritedFrom(version, url);
    if (inherited === null) return url;
    rememberAsked(request, url);
    return inherited;
  };
}
