import { describe, expect, it } from '@jest/globals';
import { formatKey, hashSecret, newKeyParts, parseKey } from './key-text.js';

describe('the text of a key', () => {
  it.each([
    'default',
    'acme-2',
    'Ünïcode',
    '部门/七',
    'a.b.c',
    '😀 space',
    'x'.repeat(255),
    "'; DROP TABLE tenant; --",
  ])('names its tenant, whatever signs that has: %s', (tenantId) => {
    const parts = newKeyParts(tenantId);
    expect(formatKey(parts)).toMatch(/^ssk\.[A-Za-z0-9_-]+\.key_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}$/);
    expect(parseKey(formatKey(parts))).toEqual(parts);
  });

  it('is another one each time', () => {
    const keys = Array.from({ length: 100 }, () => formatKey(newKeyParts('t')));
    expect(new Set(keys).size).toBe(100);
  });

  const good = formatKey(newKeyParts('tenant'));
  const [prefix = '', tenant = '', keyId = '', secret = ''] = good.split('.');
  it.each([
    ['nothing', ''],
    ['a word', 'secret'],
    ['another prefix', `sk.${tenant}.${keyId}.${secret}`],
    ['no tenant', `${prefix}..${keyId}.${secret}`],
    ['a short secret', good.slice(0, -1)],
    ['a long secret', `${good}A`],
    ['a key id of another form', `${prefix}.${tenant}.key_XYZ.${secret}`],
    ['white space after it', `${good}\n`],
    ['a part too many', `${good}.x`],
    [
      'a tenant that is no UTF-8',
      `${prefix}.${Buffer.from([0xff, 0xfe]).toString('base64url')}.${keyId}.${secret}`,
    ],
    ['a tenant with NUL', `${prefix}.${Buffer.from('a\0b').toString('base64url')}.${keyId}.${secret}`],
    ['a tenant without end', `${prefix}.${'A'.repeat(5_000)}.${keyId}.${secret}`],
  ])('is not read when it is %s', (_what, text) => {
    expect(parseKey(text)).toBeNull();
  });

  it('is stored as a SHA-256', () => {
    expect(hashSecret('abc').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
