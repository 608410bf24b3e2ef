import { type ApiVersion, type Day } from './api-version.js';
import { ApiVersions } from './api-versions.js';

/** What the operator decides of the routes without a version. */
export interface UnversionedSettings {
  unversionedRoutes: 'until_sunset' | 'on' | 'off';
  unversionedSunset: Day;
}

/**
 * Every version there is, the oldest first. Headers, 410s, the OpenAPI documents and `docs/api-versioning.md` come from
 * here; how a version is added stands there too.
 */
export function releasedVersions({
  unversionedRoutes,
  unversionedSunset,
}: UnversionedSettings): readonly ApiVersion[] {
  return [
    {
      name: 'unversioned',
      prefix: '/jobs',
      root: '',
      about:
        'The routes of the legacy service, with its shapes and its error bodies, on the lifecycle of today.',
      since: '2026-01-06',
      successor: 'v1',
      deprecated: '2026-11-23',
      sunset: unversionedSunset,
      ends: ENDS[unversionedRoutes],
      inherits: null,
      refusals: 'legacy',
      moved: {
        '/jobs/:job_id/inputs/upload': '/v1/jobs/:job_id/inputs',
        '/jobs/:job_id/draft/preview': '/v1/jobs/:job_id/draft',
        '/jobs/:job_id/plan/freeze': '/v1/jobs/:job_id/confirm',
      },
    },
    {
      name: 'v1',
      prefix: '/v1',
      root: '/v1',
      about: 'The current version.',
      since: '2026-11-23',
      successor: null,
      deprecated: null,
      sunset: null,
      ends: 'at_sunset',
      inherits: null,
      refusals: 'problem',
      moved: {},
    },
  ];
}

const ENDS = { until_sunset: 'at_sunset', on: 'never', off: 'now' } as const;

/** The same as they are where no operator says anything else: for the documents. */
export const VERSIONS_BY_DEFAULT = new ApiVersions(
  releasedVersions({ unversionedRoutes: 'until_sunset', unversionedSunset: '2027-06-30' }),
);
