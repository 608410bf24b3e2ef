import { describe, expect, it } from '@jest/globals';
import { type ApiVersion, keepsWindow } from './api-version.js';
import { ApiVersions } from './api-versions.js';
import { releasedVersions, VERSIONS_BY_DEFAULT } from './released-versions.js';

const v1 = VERSIONS_BY_DEFAULT.named('v1');
const LAST_SECOND = Date.parse('2027-06-29T23:59:59Z');

describe('the table of versions', () => {
  it('gives every version that is replaced 180 days after its successor came', () => {
    for (const version of VERSIONS_BY_DEFAULT.all) {
      if (version.successor === null) expect([version.name, version.sunset]).toEqual([version.name, null]);
      else
        expect([version.name, keepsWindow(version, VERSIONS_BY_DEFAULT.named(version.successor))]).toEqual([
          version.name,
          true,
        ]);
    }
    expect(keepsWindow({ ...v1, sunset: '2027-05-21' }, v1)).toBe(false);
    expect(keepsWindow({ ...v1, sunset: '2027-05-22' }, v1)).toBe(true);
  });

  it('has one current version, which nothing is said against', () => {
    expect(VERSIONS_BY_DEFAULT.current).toMatchObject({ name: 'v1', deprecated: null, sunset: null });
  });

  it('refuses a successor that does not exist', () => {
    expect(() => new ApiVersions([{ ...v1, successor: 'v9' }])).toThrow('no version v9');
  });

  it('tells addresses of a version from those that begin alike', () => {
    const nameOf = (path: string): string | undefined => VERSIONS_BY_DEFAULT.find(path)?.name;
    expect(['/jobs', '/jobs/a', '/v1/jobs', '/jobsfoo', '/v10/jobs', '/health/live'].map(nameOf)).toEqual([
      'unversioned',
      'unversioned',
      'v1',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('names the successor of an address, also where the route is called otherwise now', () => {
    const old = VERSIONS_BY_DEFAULT.named('unversioned');
    const move = (route: string, path: string): string | null =>
      VERSIONS_BY_DEFAULT.successorOf(old, route, path);
    expect(move('/jobs', '/jobs')).toBe('/v1/jobs');
    expect(move('/jobs/:job_id/plan/freeze', '/jobs/a%2Fb/plan/freeze')).toBe('/v1/jobs/a%2Fb/confirm');
    expect(move('/jobs/:job_id/artifacts/*', '/jobs/a/artifacts/x/y.csv')).toBe(
      '/v1/jobs/a/artifacts/x/y.csv',
    );
    expect(VERSIONS_BY_DEFAULT.successorOf(v1, '/v1/jobs', '/v1/jobs')).toBeNull();
  });

  it('ends a version with the day of its sunset, unless the operator wants it otherwise', () => {
    const isGone = (
      unversionedRoutes: 'until_sunset' | 'on' | 'off',
      now: number,
      unversionedSunset = '2027-06-30',
    ): boolean => {
      const versions = new ApiVersions(releasedVersions({ unversionedRoutes, unversionedSunset }), () => now);
      return versions.isGone(versions.named('unversioned'));
    };
    expect([isGone('until_sunset', LAST_SECOND), isGone('until_sunset', LAST_SECOND + 1_000)]).toEqual([
      false,
      true,
    ]);
    expect([isGone('on', LAST_SECOND + 1_000), isGone('off', LAST_SECOND)]).toEqual([false, true]);
  });
});

describe('an inherited address', () => {
  it('is that of the older version, query and all', () => {
    const v2: ApiVersion = { ...v1, name: 'v2', prefix: '/v2', root: '/v2', inherits: 'v1' };
    const versions = new ApiVersions([...VERSIONS_BY_DEFAULT.all, v2]);
    expect(versions.inheritedFrom(v2, '/v2/jobs?limit=1')).toBe('/v1/jobs?limit=1');
    expect(versions.inheritedFrom(v1, '/v1/jobs')).toBeNull();
  });
});
