import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arguments } from './arguments.js';
import { conduct, notRun, type TrialResult } from './conduct.js';
import { Deployment } from './deployment/deployment.js';
import { type Fault, nameOf, type OwnDeployment } from './fault.js';
import { FAULTS } from './faults/all-faults.js';
import { ApiClient } from './load/api-client.js';
import { CallLog } from './load/call-log.js';
import { Load } from './load/load.js';
import { describeMachine, type Machine } from './machine.js';
import { Random } from './random.js';
import { Trial } from './trial.js';

export interface Campaign {
  seed: string;
  beganAt: string;
  minutes: number;
  machine: Machine;
  results: readonly TrialResult[];
}

const SHORT_SCALE = 0.15;
/** At full scale every fault takes about so long together, on two cores of its own. */
const FULL_SCALE_MINUTES = 25;

/** One fault after the other on one deployment, which is taken away at the end whatever happens. */
export class Campaigner {
  private deployment: Deployment | null = null;
  private folder: string | null = null;
  /** The deployment of the fault that runs, where it has one of its own. */
  private own: OwnDeployment | null = null;
  /** So that no two campaigns make the same names. */
  private readonly mark = randomBytes(3).toString('hex');

  constructor(
    private readonly args: Arguments,
    private readonly say: (line: string) => void,
  ) {}

  async run(): Promise<Campaign> {
    const { args, say } = this;
    const beganAt = new Date().toISOString();
    const begun = performance.now();
    const end = begun + args.minutes * 60_000;
    this.folder = await mkdtemp(join(tmpdir(), 'ss-chaos-'));
    say(`seed ${args.seed}, folder ${this.folder}`);
    this.deployment = await Deployment.open(this.folder);
    const machine = await describeMachine(this.deployment.server);
    const log = new CallLog(join(this.folder, 'calls.jsonl'));
    const results: TrialResult[] = [];
    for (const [index, fault] of this.order(end)) {
      const result = await this.attempt(fault, index, log);
      results.push(result);
      say(lineOf(result));
      for (const violation of result.violations) say(`    ${violation}`);
    }
    const minutes = (performance.now() - begun) / 60_000;
    return { seed: args.seed, beganAt, minutes, machine, results };
  }

  /** Ends every process and takes the folder away. May be called at any time, and twice. */
  async close(): Promise<void> {
    const { deployment, folder } = this;
    this.deployment = null;
    await this.closeOwn();
    await deployment?.close();
    if (folder === null) return;
    if (this.args.keeps) this.say(`kept: ${folder}`);
    // What was still being opened is ended at exit, by handlers that were there before this one.
    else
      await rm(folder, { recursive: true, force: true }).catch(() => {
        process.on('exit', () => {
          rmSync(folder, { recursive: true, force: true });
        });
      });
    this.folder = null;
  }

  private async attempt(fault: Fault, index: number, log: CallLog): Promise<TrialResult> {
    const lack = (await fault.lacks?.()) ?? null;
    if (lack !== null) return notRun(fault, lack);
    if (!this.deployment || this.folder === null) throw new Error('there is no deployment');
    if (fault.opens) {
      const folder = join(this.folder, `own-${String(index)}`);
      await mkdir(folder);
      // One deployment is enough for a small machine.
      await this.deployment.stopPrograms();
      this.own = await fault.opens(folder);
    }
    const deployment = this.own?.deployment ?? this.deployment;
    const name = `${this.mark}-${String(index)}`;
    const random = new Random(`${this.args.seed}/${String(index)}/${nameOf(fault)}`);
    const clients = deployment.tenants.map((tenant) => new ApiClient(deployment.apiUrl, tenant, log));
    const load = new Load(name, clients, random);
    try {
      return await conduct(
        fault,
        new Trial({ name, deployment, load, clients, log, random, scale: this.scale }),
      );
    } finally {
      await this.closeOwn();
      await this.deployment.startAll();
    }
  }

  private async closeOwn(): Promise<void> {
    const { own } = this;
    this.own = null;
    await own?.deployment.close();
    await own?.release();
  }

  private get scale(): number {
    if (this.args.isShort) return SHORT_SCALE;
    return Math.min(1, Math.max(SHORT_SCALE, this.args.minutes / FULL_SCALE_MINUTES));
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
