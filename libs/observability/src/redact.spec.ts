import { describe, expect, it } from '@jest/globals';
import { redact, redactJson } from './redact.js';

describe('redact', () => {
  it.each([
    ['Authorization: Bearer abc.DEF-123_~+/==', 'abc.DEF'],
    ['use sk-proj-0123456789abcdef for it', '0123456789abcdef'],
    ['key ssk.ZGVmYXVsdA.key_00112233.s3cr3t-s3cr3t here', 's3cr3t'],
    ['password: hunter2, and go', 'hunter2'],
    ['{"password": "hun ter2"}', 'ter2'],
    ['my password is hunter2', 'hunter2'],
    ['PWD=hunter2;', 'hunter2'],
    ['api_key = "k-1"', 'k-1'],
    ['postgres://ss:hunter2@db/ss', 'hunter2'],
    ['ghp_0123456789abcdefghij0123', '0123456789'],
    ['AKIAIOSFODNN7EXAMPLE', 'IOSFODNN7'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_nature', 'sig_nature'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', 'MIIE'],
  ])('takes the secret out of %j', (text, secret) => {
    expect(redact(text)).toContain('[redacted]');
    expect(redact(text)).not.toContain(secret);
  });

  it.each([
    'Compare body mass between species and show it as a chart',
    'SELECT "token", count(*) FROM words GROUP BY ALL',
    'https://example.org/a?b=c',
    'the secret life of trees',
  ])('leaves %j as it is', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('goes through a JSON value and leaves the names of its members', () => {
    expect(
      redactJson({ columns: [{ name: 'password', min: 'Bearer abcdef123' }], n: 1, none: null }),
    ).toEqual({
      columns: [{ name: 'password', min: 'Bearer [redacted]' }],
      n: 1,
      none: null,
    });
  });
});
