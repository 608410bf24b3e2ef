import ipaddr from 'ipaddr.js';
import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { WebhookUrlRefused } from './refusals.js';

type Network = [address: ipaddr.IPv4 | ipaddr.IPv6, bits: number];

const MAX_URL_CHARS = 2_000;

/** The name of the target leads to where SS must not call. */
export class TargetRefused extends Error {
  readonly code = 'TARGET_REFUSED';

  constructor() {
    super('the target is not in a network that may be called');
  }
}

/**
 * Which targets may be called: public ones by https, and those in networks that the operator named. What counts is the
 * address to which the connection is made, at the moment it is made: a name that leads elsewhere a second time
 * (DNS rebinding) gains nothing.
 */
export class TargetPolicy {
  private readonly networks: readonly Network[];

  /** `networks`: those that may be called beside the public ones, by commas. */
  constructor(networks: string | null) {
    this.networks = networks === null ? [] : networks.split(',').map((name) => ipaddr.parseCIDR(name.trim()));
  }

  /** Throws for what cannot be right, wherever its name leads. */
  assertUrl(text: string): URL {
    const url = URL.canParse(text) && text.length <= MAX_URL_CHARS ? new URL(text) : null;
    if (!url || !['https:', 'http:'].includes(url.protocol))
      throw new WebhookUrlRefused(
        `A webhook has an https URL of at most ${String(MAX_URL_CHARS)} characters.`,
      );
    if (url.username !== '' || url.password !== '' || url.hash !== '')
      throw new WebhookUrlRefused('The URL of a webhook has no user, no password and no fragment.');
    if (url.protocol === 'http:' && this.networks.length === 0)
      throw new WebhookUrlRefused('A webhook is called by https.');
    const address = addressIn(url);
    if (address !== null && !this.isAllowed(address, url.protocol))
      throw new WebhookUrlRefused('The address is not in a network that may be called.');
    return url;
  }

  /** Resolves a name to those of its addresses that may be called; fails when there is none. */
  lookupFor(protocol: string): LookupFunction {
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
        const allowed = error ? [] : found.filter(({ address }) => this.isAllowed(address, protocol));
        const [first] = allowed;
        if (!first) callback(error ?? new TargetRefused(), '', 0);
        else if (options.all) callback(null, allowed);
        else callback(null, first.address, first.family);
      });
    };
  }

  private isAllowed(text: string, protocol: string): boolean {
    // An IPv4 address within an IPv6 one is what it is.
    const address = ipaddr.process(text);
    if (this.networks.some(([network, bits]) => isIn(address, network, bits))) return true;
    return protocol === 'https:' && address.range() === 'unicast';
  }
}

function isIn(address: Network[0], network: Network[0], bits: number): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

/** For an address no name is looked up, so nothing would ask again. */
export function addressIn(url: URL): string | null {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(host) ? host : null;
}
