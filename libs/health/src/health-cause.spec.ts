import { SchemaMismatch, WriteFailed } from '#database';
import { QueuesMissing } from '#queue';
import { describe, expect, it } from '@jest/globals';
import { HEALTH_CAUSES, toldOf, Unhealthy } from './health-cause.js';

const coded = (code: string): Error =>
  Object.assign(new Error(`${code}: open '/secret/place', postgresql://me:CANARY@10.1.2.3/ss`), { code });

describe('what is told of a failed check', () => {
  it.each([
    [new Unhealthy('look_too_old', 'long ago'), 'look_too_old', 'long ago'],
    [new WriteFailed('disk_full'), 'disk_full', 'db_write_failed: disk_full'],
    [new SchemaMismatch('old', { fault: 'behind' }), 'schema_behind', 'old'],
    [new SchemaMismatch('new', { fault: 'ahead' }), 'schema_ahead', 'new'],
    [new SchemaMismatch('other', { fault: 'changed' }), 'schema_changed', 'other'],
    [new SchemaMismatch('no tables'), 'schema_behind', 'no tables'],
    [new QueuesMissing(['a', 'b']), 'queues_missing', expect.stringContaining('a, b')],
    [coded('ECONNREFUSED'), 'unreachable', 'unreachable'],
    [coded('57P03'), 'starting', 'starting'],
    [coded('28P01'), 'access_denied', 'access_denied'],
    [coded('42501'), 'access_denied', 'access_denied'],
    [coded('3D000'), 'missing', 'missing'],
    [coded('42P01'), 'schema_behind', 'schema_behind'],
    [coded('ENOSPC'), 'disk_full', 'disk_full'],
    [coded('EROFS'), 'read_only', 'read_only'],
    [coded('EACCES'), 'access_denied', 'access_denied'],
    [coded('ENOENT'), 'missing', 'missing'],
    [coded('XX000'), 'failed', 'it failed; the log says how'],
    [new Error('postgresql://me:CANARY@10.1.2.3/ss'), 'failed', 'it failed; the log says how'],
    ['thrown as text', 'failed', 'it failed; the log says how'],
  ])('%s is %s', (error, cause, message) => {
    expect(toldOf(error)).toEqual({ cause, message });
    expect(HEALTH_CAUSES).toContain(cause);
  });

  it('has each word once', () => {
    expect(new Set(HEALTH_CAUSES).size).toBe(HEALTH_CAUSES.length);
  });
});
