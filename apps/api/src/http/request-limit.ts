import { type Allowance, MostRecent, type RequestRates, RequestsExceeded } from '#tenancy';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import type { PinoLogger } from 'nestjs-pino';

/** What is behind a key, in any version. Probes and documents are not, and never limited. */
const LIMITED = /^\/(v\d+\/|jobs(\/|$))/;
/** So long after it was let in, a caller is refused without a look at the key, when its tenant has no token left. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 10_000;
/** The name of the one policy there is, in `RateLimit` and `RateLimit-Policy`. */
const POLICY = '"requests"';
const WINDOW_SECONDS = 1;

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant whose token was taken for this request. */
    tokenOf?: string;
  }
}

/** A caller who was let in lately. */
interface Remembered {
  tenantId: string;
  until: number;
}

/**
 * Keeps `requests_per_second`. Who was let in lately is known by a hash of what they bring, and counted before anything
 * else is done for them; others are counted once their key has turned out to be good. A key that nobody has proven
 * takes no tenant's token, whatever tenant it names.
 */
export class RequestLimit {
  /** By {@link fingerprint}, those of tenants with a limit alone. */
  private readonly remembered = new MostRecent<Remembered>(MAX_REMEMBERED);

  constructor(
    private readonly rates: RequestRates,
    private readonly log: Pick<PinoLogger, 'assign'>,
  ) {}

  /** Before the body and the database. Answers the refusal, if it is one. */
  tryRefuse(request: FastifyRequest, reply: FastifyReply): RequestsExceeded | null {
    if (this.remembered.size === 0 || !LIMITED.test(request.routeOptions.url ?? '')) return null;
    const caller = this.remembered.get(fingerprint(request));
    if (!caller || caller.until < performance.now()) return null;
    const { tenantId } = caller;
    const allowance = this.rates.tryTake(tenantId);
    if (!allowance) return null;
    tell(reply, allowance);
    if (allowance.isExceeded) {
      this.log.assign({ tenant_id: tenantId });
      return new RequestsExceeded(allowance.limit);
    }
    request.tokenOf = tenantId;
    return null;
  }

  /** For a caller who is of the tenant. Throws `QUOTA_REQUESTS_EXCEEDED`. */
  async count(request: FastifyRequest, reply: FastifyReply, tenantId: string): Promise<void> {
    if (request.tokenOf === tenantId) {
      this.remember(request, tenantId);
      return;
    }
    const allowance = await this.rates.take(tenantId);
    if (!allowance) return;
    this.remember(request, tenantId);
    tell(reply, allowance);
    if (allowance.isExceeded) throw new RequestsExceeded(allowance.limit);
  }

  /** For a caller who was not let in, though they may have been lately. */
  forget(request: FastifyRequest): void {
    if (request.tokenOf === undefined) return;
    this.rates.giveBack(request.tokenOf);
    this.remembered.forget(fingerprint(request));
  }

  private remember(request: FastifyRequest, tenantId: string): void {
    const until = performance.now() + REMEMBERED_MS;
    this.remembered.use(fingerprint(request), { tenantId, until });
  }
}

/** Of what decides who asks for which tenant. A hash, so that no key lies in memory. */
export function fingerprint({ headers }: FastifyRequest): string {
  const brought = JSON.stringify([headers.authorization, headers['x-ss-tenant-id']]);
  return createHash('sha256').update(brought).digest('base64');
}

/** By draft-ietf-httpapi-ratelimit-headers: the quota of a window, what is left of it, and when it is whole again. */
function tell(reply: FastifyReply, { limit, remaining }: Allowance): void {
  const window = String(WINDOW_SECONDS);
  void reply.header('RateLimit-Policy', `${POLICY};q=${String(limit)};w=${window}`);
  void reply.header('RateLimit', `${POLICY};r=${String(remaining)};t=${window}`);
}
