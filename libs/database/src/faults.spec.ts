import { describe, expect, it } from '@jest/globals';
import { CommitUnknown, isRefusedByServer } from './errors.js';
import { causeOf, isBusy, isTransient, isUnavailable } from './faults.js';

const coded = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });
/** As Prisma wraps what node-postgres says. */
const wrapped = (originalCode: string): Error =>
  Object.assign(new Error('Raw query failed'), {
    code: 'P2010',
    meta: {
      driverAdapterError: { name: 'DriverAdapterError', cause: { originalCode, kind: 'postgres' } },
    },
  });

describe('a fault of the database', () => {
  it.each([
    ['53100', 'disk_full'],
    ['53200', 'out_of_memory'],
    ['53300', 'too_many_connections'],
    ['25006', 'read_only'],
    ['57014', 'timed_out'],
    ['25P03', 'timed_out'],
    ['57P01', 'shutting_down'],
    ['57P02', 'crashed'],
    ['57P03', 'starting'],
    ['08006', 'connection_lost'],
    ['ECONNRESET', 'connection_lost'],
    ['ECONNREFUSED', 'unreachable'],
    ['EAI_AGAIN', 'name_not_found'],
    ['CERT_HAS_EXPIRED', 'tls_failed'],
    ['58030', 'io_error'],
  ])('of code %s is an outage for the cause %s, also as Prisma says it', (code, cause) => {
    expect([causeOf(coded(code)), causeOf(wrapped(code))]).toEqual([cause, cause]);
    expect([isUnavailable(coded(code)), isBusy(coded(code))]).toEqual([true, false]);
  });

  it.each([
    ['Query read timeout', 'timed_out'],
    ['timeout exceeded when trying to connect', 'timed_out'],
    ['Connection terminated unexpectedly', 'connection_lost'],
    ['Client has encountered a connection error and is not queryable', 'connection_lost'],
    ['The server does not support SSL connections', 'tls_failed'],
  ])('that only says “%s” is an outage as well', (message, cause) => {
    expect(causeOf(new Error(message))).toBe(cause);
  });

  it.each([
    ['55P03', false],
    ['40P01', true],
    ['40001', true],
  ])('of code %s is a row that others hold, and no outage', (code, transient) => {
    for (const error of [coded(code), wrapped(code)]) {
      expect([isBusy(error), isTransient(error), isUnavailable(error)]).toEqual([true, transient, false]);
    }
  });

  it.each(['23505', '42501', '28P01', '3D000', '22012', 'ENOENT'])(
    'of code %s is neither: waiting does not mend it',
    (code) => {
      expect([isUnavailable(coded(code)), isBusy(coded(code))]).toEqual([false, false]);
    },
  );

  it('is not what a pooler says that refuses a setting, nor what another service says', () => {
    expect(isUnavailable(coded('08P01', 'unsupported startup parameter: options'))).toBe(false);
    expect(isUnavailable(coded('08P01', 'SASL authentication failed'))).toBe(false);
    expect(isUnavailable(coded('08P01', 'server conn crashed?'))).toBe(true);
    const elsewhere = new Error('the model does not answer', { cause: coded('ECONNREFUSED') });
    expect(isUnavailable(elsewhere)).toBe(false);
    expect([isUnavailable(null), isUnavailable('ECONNRESET'), isBusy(undefined)]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('an error in answer to COMMIT', () => {
  it('is certain when the server itself refused, and only then', () => {
    const certain = ['23505', '40001', '57014', 'P0001'].map((code) => isRefusedByServer(coded(code)));
    expect(certain).toEqual([true, true, true, true]);
    const open = ['57P01', '08006', '53100', 'ECONNRESET', 'EPIPE', 'P2028'].map((code) =>
      isRefusedByServer(coded(code)),
    );
    expect(open).toEqual([false, false, false, false, false, false]);
    expect(isRefusedByServer(new Error('Query read timeout'))).toBe(false);
  });

  it('is an outage that keeps its cause, when it is unknown', () => {
    const cause = coded('EPIPE');
    const unknown = new CommitUnknown(cause);
    expect([isUnavailable(unknown), isBusy(unknown), unknown.cause]).toEqual([true, false, cause]);
    expect(isUnavailable(new CommitUnknown('whatever'))).toBe(true);
  });
});
