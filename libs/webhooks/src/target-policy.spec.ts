import { describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { TargetPolicy } from './target-policy.js';

const open = new TargetPolicy(null);
const within = new TargetPolicy('10.1.0.0/16, fd00:1::/32,127.0.0.1/32');

describe('the URL of a webhook', () => {
  it.each([
    'https://example.com/hook?x=1',
    'https://example.com:8443/',
    'https://93.184.216.34/',
    'https://[2606:2800:220:1::1]/',
  ])('may be %s', (url) => {
    expect(open.assertUrl(url).href).toBe(new URL(url).href);
  });

  it.each([
    ...[
      '',
      'example.com',
      'ftp://example.com',
      'http://example.com',
      `https://example.com/${'x'.repeat(2_000)}`,
    ],
    ...['https://user:pass@example.com', 'https://example.com/#x'],
    // This machine and its neighbours, in every spelling.
    ...['https://127.0.0.1', 'https://2130706433', 'https://0x7f.1', 'https://0177.0.0.1', 'https://[::1]'],
    ...['https://[::ffff:127.0.0.1]', 'https://[::ffff:7f00:1]', 'https://0.0.0.0', 'https://[::]'],
    ...['https://10.1.2.3', 'https://172.16.0.1', 'https://192.168.1.1', 'https://100.64.0.1'],
    ...['https://169.254.169.254', 'https://[fe80::1]', 'https://[fd00::1]', 'https://[64:ff9b::7f00:1]'],
    ...['https://224.0.0.1', 'https://255.255.255.255', 'https://240.0.0.1', 'https://198.18.0.1'],
  ])('may not be %s', (url) => {
    expect(() => open.assertUrl(url)).toThrow(expect.objectContaining({ code: 'WEBHOOK_URL_REFUSED' }));
  });

  it('may lie in a network that the operator named, also by http, and in no other', () => {
    for (const url of ['http://10.1.2.3', 'https://10.1.2.3', 'http://[fd00:1::7]', 'http://127.0.0.1:9/'])
      expect(within.assertUrl(url)).toBeInstanceOf(URL);
    for (const url of ['http://10.2.0.1', 'https://10.2.0.1', 'http://93.184.216.34', 'http://127.0.0.2'])
      expect(() => within.assertUrl(url)).toThrow(expect.objectContaining({ code: 'WEBHOOK_URL_REFUSED' }));
  });
});

describe('a name', () => {
  const lookup = (policy: TargetPolicy, protocol: string): Promise<unknown> =>
    new Promise((resolve) => {
      policy.lookupFor(protocol)('localhost', { all: true }, (error, addresses) => {
        resolve(error ? error.code : (addresses as LookupAddress[]).map(({ address }) => address));
      });
    });

  it('that leads to this machine is refused where the connection is made', async () => {
    expect(await lookup(open, 'https:')).toBe('TARGET_REFUSED');
    expect(await lookup(new TargetPolicy('10.0.0.0/8'), 'http:')).toBe('TARGET_REFUSED');
  });

  it('leads to those of its addresses that are allowed', async () => {
    expect(await lookup(within, 'http:')).toEqual(['127.0.0.1']);
  });
});
