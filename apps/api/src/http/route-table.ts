import { DomainError } from '#observability';

export interface Route {
  method: string;
  /** As the router has it: `/v1/jobs/:job_id/artifacts/*`. */
  url: string;
}

/** The address is right, the method is not. */
export class MethodNotAllowed extends DomainError {
  constructor(readonly allowed: readonly string[]) {
    super('API_METHOD_NOT_ALLOWED', `This address takes ${allowed.join(', ')}.`, { allowed });
  }
}

/** Every route of the application, to tell a wrong method from a wrong address: Fastify answers both with 404. */
export class RouteTable {
  private readonly routes: (Route & { pattern: RegExp })[] = [];

  add(route: Route): void {
    // Preflights of any address; see allowOrigins().
    if (route.url === '*') return;
    this.routes.push({ ...route, pattern: patternOf(route.url) });
  }

  /** The methods that a path takes; none when there is no such address. */
  methodsOf(path: string): string[] {
    const methods = this.routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (methods.length === 0) return [];
    return [...new Set([...methods, 'OPTIONS'])].sort();
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) =>
      part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.+?^${}()|[\]\\*]/g, '\\$&'),
    )
    .join('/');
  return new RegExp(`^${source}/?$`);
}
