import { DomainError } from '#observability';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemFilter } from '../http/problem.filter.js';
import { type ApiVersion, beginOf } from './api-version.js';
import type { ApiVersions } from './api-versions.js';
import { pathOf } from './path-of.js';

/** Where the table of versions can be read. */
export const VERSIONS_ADDRESS = '/versions';

export class VersionGone extends DomainError {
  constructor({ name, sunset }: ApiVersion, successor: string | null) {
    const now = successor === null ? '' : ` It is ${successor} now.`;
    super('API_VERSION_GONE', `This address is of the version "${name}", which has ended.${now}`, {
      ...{ version: name, sunset, successor, versions: VERSIONS_ADDRESS },
    });
  }
}

/** Answers of a deprecated version say so; those of one that has ended say nothing else. */
export function tellVersion(fastify: FastifyInstance, versions: ApiVersions, problems: ProblemFilter): void {
  fastify.addHook('onRequest', (request, reply, next) => {
    const version = request.is404 ? null : versions.find(pathOf(request));
    if (version === null || (version.deprecated === null && !versions.isGone(version))) {
      next();
      return;
    }
    const route = asked(versions, version, request);
    const successor = versions.successorOf(version, route, pathOf(request));
    tell(reply, version, successor);
    if (versions.isGone(version)) problems.answer(new VersionGone(version, successor), request, reply);
    else next();
  });
  // What a version inherits is told in its own addresses.
  fastify.addHook('onSend', async (request, reply) => {
    const version = versions.find(pathOf(request));
    const location = reply.getHeader('location');
    const inherits = version?.inherits ?? null;
    if (version === null || inherits === null || typeof location !== 'string') return;
    const { root } = versions.named(inherits);
    if (location.startsWith(`${root}/`)) {
      void reply.header('Location', version.root + location.slice(root.length));
    }
  });
}

/** The route as the version that was asked for would name it. */
function asked(versions: ApiVersions, version: ApiVersion, request: FastifyRequest): string {
  const route = request.routeOptions.url ?? '';
  const owner = versions.find(route) ?? version;
  return version.root + route.slice(owner.root.length);
}

/** RFC 9745, RFC 8594, and RFC 5829 for where to go instead. */
function tell(reply: FastifyReply, { deprecated, sunset, ends }: ApiVersion, successor: string | null): void {
  if (deprecated !== null) void reply.header('Deprecation', `@${String(beginOf(deprecated) / 1_000)}`);
  if (sunset !== null && ends !== 'never')
    void reply.header('Sunset', new Date(beginOf(sunset)).toUTCString());
  void reply.header('Link', [
    `<${VERSIONS_ADDRESS}>; rel="deprecation"; type="application/json"`,
    ...(successor === null ? [] : [`<${successor}>; rel="successor-version"`]),
  ]);
}
