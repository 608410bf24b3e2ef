import fc from 'fast-check';
import type { Arguments } from './arguments.js';
import { DocumentedBodies, parsed } from './check/documented-bodies.js';
import { type Violation, violationsOf } from './check/violations.js';
import { requestsOf } from './requests/draw.js';
import type { FuzzRequest } from './requests/request.js';
import { nameOf, type Route, routesOf } from './requests/routes.js';
import { exchange } from './wire/exchange.js';
import { bytesOf, curlLine, type Sent } from './wire/sent.js';
import type { FuzzedDeployment } from './world/fuzzed-deployment.js';
import { fillTokens } from './world/token.js';

export interface Finding extends Violation {
  operation: string;
  /** What shows it again, with the seed. */
  request: string;
  times: number;
}

export interface Answered {
  requests: number;
  statuses: Record<string, number>;
}

/** Any answer, on a machine that has other work as well; a wait that is asked for is of a second. */
const REQUEST_LIMIT_MS = 15_000;
const AT_ONCE = 12;
/** Requests that are drawn from one seed. */
const SOME = 25;
/** A smaller request that shows the same is looked for so many times. */
const SHRINKS = 80;
const MOST_FINDINGS = 40;

/** Draws requests, sends them and looks at the answers. */
export class Fuzzer {
  readonly findings = new Map<string, Finding>();
  readonly answered = new Map<string, Answered>();
  sent = 0;
  slowestMs = 0;
  private readonly routes: Route[];
  private readonly bodies: DocumentedBodies;
  private readonly requests: fc.Arbitrary<FuzzRequest>;

  constructor(
    private readonly deployment: FuzzedDeployment,
    private readonly args: Arguments,
    private readonly say: (line: string) => void,
  ) {
    this.routes = routesOf(deployment.documents).filter((route) => nameOf(route).startsWith(args.only ?? ''));
    this.bodies = new DocumentedBodies(this.routes);
    this.requests = fc.oneof(...this.routes.map(requestsOf));
    for (const route of this.routes) this.answered.set(nameOf(route), { requests: 0, statuses: {} });
  }

  async run(): Promise<void> {
    const end = performance.now() + this.args.minutes * 60_000;
    let begun = 0;
    const isOver = (): boolean =>
      begun * SOME >= this.args.requests || performance.now() > end || this.findings.size >= MOST_FINDINGS;
    const work = async (): Promise<void> => {
      while (!isOver()) {
        begun += 1;
        await this.sendSome(this.args.seed * 1_000_003 + begun, end);
        if (begun % 40 === 0)
          this.say(`${String(this.sent)} requests, ${String(this.findings.size)} findings`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** A finding is shrunk at once, for the state that shows it is still there; it is looked for once. */
  private async sendSome(seed: number, end: number): Promise<void> {
    let shrunk: string | null = null;
    let shrinks = 0;
    const property = fc.asyncProperty(this.requests, async (request) => {
      if (shrunk === null && performance.now() > end) return;
      if (shrunk !== null && (shrinks += 1) > SHRINKS) return;
      const { sent, violations } = await this.ask(request);
      for (const violation of violations) {
        const name = `${nameOf(request.route)} ${violation.kind}`;
        const isNew = !this.findings.has(name);
        if (!isNew && shrunk !== name) {
          this.count(name);
          continue;
        }
        if (shrunk !== null && shrunk !== name) continue;
        if (isNew) this.say(`found: ${name}`);
        shrunk = name;
        const curl = curlLine(this.deployment.api.url, sent, request);
        const times = this.findings.get(name)?.times ?? 1;
        this.findings.set(name, { ...violation, operation: nameOf(request.route), request: curl, times });
        throw new Error(name);
      }
    });
    await fc.check(property, { seed: seed | 0, numRuns: SOME });
  }

  private count(name: string): void {
    const finding = this.findings.get(name);
    if (finding) finding.times += 1;
  }

  private async ask(request: FuzzRequest): Promise<{ sent: Sent; violations: Violation[] }> {
    const sent = this.filled(request);
    const exchanged = await exchange(bytesOf(sent, request), {
      url: this.deployment.api.url,
      method: request.method,
      expected: request.manner === 'pipelined' ? 2 : 1,
      isCut: request.manner === 'cut' || request.manner === 'mangled',
      limitMs: REQUEST_LIMIT_MS,
    });
    this.sent += 1;
    this.slowestMs = Math.max(this.slowestMs, exchanged.ms);
    const answered = this.answered.get(nameOf(request.route));
    if (answered) {
      answered.requests += 1;
      const status = String(exchanged.answers[0]?.status ?? 'none');
      answered.statuses[status] = (answered.statuses[status] ?? 0) + 1;
    }
    if (request.asker === 'own')
      for (const { status, headers, body } of exchanged.answers) {
        if (status >= 300) continue;
        this.deployment.world.learnAddress(headers.get('location') ?? '');
        if (body.length < 100_000) this.deployment.world.learn(parsed(body));
      }
    const violations = violationsOf(
      { request, sent, exchanged },
      this.bodies,
      this.deployment.world.canaries,
    );
    return { sent, violations };
  }

  /** With the ids that its tokens stand for, and the key of whoever asks. */
  private filled({ method, address, headers, body, asker, pick }: FuzzRequest): Sent {
    const { world, keys, api } = this.deployment;
    const idOf = world.idsFor(address, pick);
    const fill = (text: string): string => fillTokens(text, idOf);
    const inAddress = (text: string): string =>
      fillTokens(text, (name) => idOf(name).split('/').map(encodeURIComponent).join('/'));
    const key = keys[asker];
    const contentType = body?.contentType ?? null;
    return {
      method,
      address: inAddress(address),
      headers: [
        ['Host', new URL(api.url).host],
        ...(key === null ? [] : [['Authorization', `Bearer ${key}`] as const]),
        ...(contentType === null ? [] : [['Content-Type', contentType] as const]),
        ...headers.map(([name, value]) => [name, fill(value)] as const),
      ],
      body: body === null ? null : fill(body.bytes),
    };
  }
}
