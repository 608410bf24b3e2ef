import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arguments } from './arguments.js';
import { conduct, notRun, type TrialResult } from './conduct.js';
import { Deployment } from './deployment/deployment.js';
import { type Fault, nameOf } from './fault.js';
import { FAULTS } from './faults/all-faults.js';
import { ApiClient } from './load/api-client.js';
import { CallLog } from './load/call-log.js';
import { Load } from './load/load.js';
import { describeMachine, type Machine } from './machine.js';
import { Random } from './random.js';
import { Trial } from './trial.js';

export interface Campaign {
  machine: Machine;
  results: readonly TrialResult[];
}

const SHORT_SCALE = 0.15;
const LONG_MINUTES = 20;

/** One fault after the other on one deployment, which is taken away at the end whatever happens. */
export class Campaigner {
  private deployment: Deployment | null = null;
  private folder: string | null = null;

  constructor(
    private readonly args: Arguments,
    private readonly say: (line: string) => void,
  ) {}

  async run(): Promise<Campaign> {
    const { args, say } = this;
    const end = performance.now() + args.minutes * 60_000;
    this.folder = await mkdtemp(join(tmpdir(), 'ss-chaos-'));
    say(`seed ${args.seed}, folder ${this.folder}`);
    this.deployment = await Deployment.open(this.folder);
    const { deployment } = this;
    const log = new CallLog(join(this.folder, 'calls.jsonl'));
    const clients = deployment.tenants.map((tenant) => new ApiClient(deployment.apiUrl, tenant, log));
    const scale = args.isShort
      ? SHORT_SCALE
      : Math.min(1, Math.max(SHORT_SCALE, args.minutes / LONG_MINUTES));
    const machine = await describeMachine(deployment.server);
    const results: TrialResult[] = [];
    // So that a repeated seed makes new names on a database that is new each time.
    const mark = randomBytes(3).toString('hex');
    for (const [index, fault] of this.order(end)) {
      const name = `${mark}-${String(index)}`;
      const random = new Random(`${args.seed}/${String(index)}/${nameOf(fault)}`);
      const lack = (await fault.lacks?.()) ?? null;
      const result =
        lack === null
          ? await conduct(
              fault,
              new Trial({
                name,
                deployment,
                load: new Load(name, clients, random),
                clients,
                log,
                random,
                scale,
              }),
            )
          : notRun(fault, lack);
      results.push(result);
      say(lineOf(result));
      for (const violation of result.violations) say(`    ${violation}`);
    }
    return { machine, results };
  }

  /** Ends every process and takes the folder away. May be called at any time, and twice. */
  async close(): Promise<void> {
    const { deployment, folder } = this;
    this.deployment = null;
    await deployment?.close();
    if (folder === null) return;
    if (this.args.keeps) this.say(`kept: ${folder}`);
    else await rm(folder, { recursive: true, force: true });
    this.folder = null;
  }

  /** Every chosen fault once, then, while there is time, in an order that the seed draws. */
  private *order(end: number): Generator<readonly [number, Fault]> {
    const chosen = FAULTS.filter(
      (fault) =>
        (this.args.faults?.includes(fault.number) ?? true) && (!this.args.isShort || fault.isInShortForm),
    );
    let index = 0;
    for (let round = 0; round === 0 || (performance.now() < end && !this.args.isShort); round += 1) {
      const random = new Random(`${this.args.seed}/round ${String(round)}`);
      for (const fault of round === 0 ? chosen : random.shuffled(chosen)) {
        if (round > 0 && performance.now() > end) return;
        yield [index, fault];
        index += 1;
      }
    }
  }
}

function lineOf({ fault, name, verdict, seconds, recovery_ms, counts, reason }: TrialResult): string {
  const worst = recovery_ms.length === 0 ? '' : `, recovery at most ${Math.max(...recovery_ms)} ms`;
  const what = reason ?? `${counts['jobs'] ?? 0} jobs, ${counts['calls'] ?? 0} calls${worst}`;
  return `${verdict.padEnd(8)}  ${fault.padEnd(4)} ${name} (${seconds} s): ${what}`;
}
