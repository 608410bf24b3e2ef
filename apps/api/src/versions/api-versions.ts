import { type ApiVersion, beginOf } from './api-version.js';
import { moveAddress } from './move-address.js';

/** The versions that a deployment answers: which one an address belongs to, and what becomes of it. */
export class ApiVersions {
  constructor(
    readonly all: readonly ApiVersion[],
    private readonly now: () => number = Date.now,
  ) {
    for (const { successor, inherits } of all) {
      for (const name of [successor, inherits]) if (name !== null) this.named(name);
    }
  }

  /** The one that clients should use. */
  get current(): ApiVersion {
    const current = this.all.findLast(
      ({ deprecated, successor }) => deprecated === null && successor === null,
    );
    if (!current) throw new Error('no version of the API is current');
    return current;
  }

  /** The version that a path or a route belongs to; null for probes, documents and what is nowhere. */
  find(path: string): ApiVersion | null {
    return this.all.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`)) ?? null;
  }

  named(name: string): ApiVersion {
    const version = this.all.find((one) => one.name === name);
    if (!version) throw new Error(`there is no version ${name} of the API`);
    return version;
  }

  isGone({ ends, sunset }: ApiVersion): boolean {
    if (ends === 'at_sunset') return sunset !== null && this.now() >= beginOf(sunset);
    return ends === 'now';
  }

  /** The same in the version's successor, for an address of this route: `/jobs/a/draft/preview` → `/v1/jobs/a/draft`. */
  successorOf(version: ApiVersion, route: string, path: string): string | null {
    if (version.successor === null) return null;
    const { root } = this.named(version.successor);
    return moveAddress(route, version.moved[route] ?? root + route.slice(version.root.length), path);
  }

  /** The same address in the version that this one inherits from. */
  inheritedFrom(version: ApiVersion, address: string): string | null {
    if (version.inherits === null) return null;
    return this.named(version.inherits).root + address.slice(version.root.length);
  }
}
