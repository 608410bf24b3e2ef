import { MostRecent } from './most-recent.js';
import { TokenBucket } from './token-bucket.js';

/** What a tenant with a limit may send. */
export interface Allowance {
  /** A second. */
  limit: number;
  /** How many more would be taken now. */
  remaining: number;
  /** There was no token for this one. */
  isExceeded: boolean;
}

export interface RequestRatesOptions {
  /** Milliseconds of a clock that only runs forward. */
  now?: () => number;
  maxTenants?: number;
}

interface Known {
  limit: number | null;
  bucket: TokenBucket | null;
  readAt: number;
  reading: Promise<void> | null;
}

/** A limit is decided by as it was read no longer ago than this: so soon a change holds. */
const MAX_AGE_MS = 1_000;
/** Then it is read again beside the requests, so that under way none has to wait for it. */
const READ_AGAIN_MS = 500;
const MAX_TENANTS = 10_000;

/**
 * Keeps `requests_per_second`: a bucket of tokens a tenant, in this process. Memory is bounded: of more tenants than
 * `maxTenants` those that were away longest are forgotten, whose buckets have long been full again.
 */
export class RequestRates {
  private readonly tenants: MostRecent<Known>;
  private readonly now: () => number;

  constructor(
    private readonly readLimit: (tenantId: string) => Promise<number | null>,
    options: RequestRatesOptions = {},
  ) {
    this.now = options.now ?? (() => performance.now());
    this.tenants = new MostRecent(options.maxTenants ?? MAX_TENANTS);
  }

  /** Takes a token of a tenant whose limit is known. Null: it has none; undefined: that has to be looked up. */
  tryTake(tenantId: string): Allowance | null | undefined {
    const known = this.tenants.get(tenantId);
    const age = known ? this.now() - known.readAt : Infinity;
    if (!known || age > MAX_AGE_MS) return undefined;
    if (age > READ_AGAIN_MS) {
      // Whether it can be read is told when somebody has to wait for it.
      void this.read(tenantId, known).catch(() => undefined);
    }
    return this.takeOf(tenantId, known);
  }

  /** Takes a token of the tenant. Null: it has no limit. */
  async take(tenantId: string): Promise<Allowance | null> {
    const allowance = this.tryTake(tenantId);
    if (allowance !== undefined) return allowance;
    const known = this.tenants.get(tenantId) ?? {
      limit: null,
      bucket: null,
      readAt: -Infinity,
      reading: null,
    };
    this.tenants.use(tenantId, known);
    await this.read(tenantId, known);
    return this.takeOf(tenantId, known);
  }

  /** For a token that was taken for somebody who turned out not to belong to the tenant. */
  giveBack(tenantId: string): void {
    this.tenants.get(tenantId)?.bucket?.giveBack();
  }

  /** How many tenants are remembered. */
  get size(): number {
    return this.tenants.size;
  }

  private takeOf(tenantId: string, known: Known): Allowance | null {
    this.tenants.use(tenantId, known);
    const { limit, bucket } = known;
    if (limit === null || !bucket) return null;
    const now = this.now();
    const isExceeded = !bucket.tryTake(now);
    return { limit, remaining: bucket.left(now), isExceeded };
  }

  /** One look at the table for all who wait. */
  private async read(tenantId: string, known: Known): Promise<void> {
    const askedAt = this.now();
    known.reading ??= this.readLimit(tenantId)
      .then((limit) => {
        const now = this.now();
        if (limit === null) known.bucket = null;
        else if (known.bucket) known.bucket.setRate(limit, now);
        else known.bucket = new TokenBucket(limit, now);
        known.limit = limit;
        known.readAt = askedAt;
      })
      .finally(() => {
        known.reading = null;
      });
    await known.reading;
  }
}
