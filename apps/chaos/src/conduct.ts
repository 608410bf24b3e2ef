import { checkAnswers } from './check/answers.js';
import { checkRest } from './check/at-rest.js';
import { checkSentJobs, checkShownMoves } from './check/acknowledged.js';
import { checkInvariants } from './check/invariants.js';
import { checkPrograms } from './check/programs.js';
import { quiesce } from './check/quiesce.js';
import { nextStarts } from './check/replaced.js';
import { type Fault, nameOf } from './fault.js';
import type { CallLog } from './load/call-log.js';
import type { Trial } from './trial.js';
import { bounded, within } from './waiting.js';

export interface TrialResult {
  fault: string;
  name: string;
  does: string;
  holds: string;
  recovery: string;
  /** `not run`: `reason` says what the machine lacks. */
  verdict: 'survived' | 'violated' | 'not run';
  reason: string | null;
  seconds: number;
  /** What was done, and what callers were told. */
  counts: Readonly<Record<string, number>>;
  recovery_ms: readonly number[];
  violations: readonly string[];
}

const WARM_UP_MS = 20_000;
const LOAD_END_MS = 90_000;
const QUIESCE_MS = 60_000;
const MAX_VIOLATIONS = 20;

/** Does the harm of one fault, heals it, lets everything come to rest, and looks at what is left. */
export async function conduct(fault: Fault, trial: Trial): Promise<TrialResult> {
  const begun = performance.now();
  const from = trial.log.length;
  trial.expectedGrave.push(...(fault.expectedGrave ?? []));
  try {
    await harm(fault, trial);
    await checkAll(fault, trial, from);
  } catch (error) {
    trial.violate(`the trial itself failed: ${error instanceof Error ? error.message : String(error)}`);
    await trial.load.stop().catch(() => undefined);
    await trial.deployment.heal().catch(() => undefined);
  }
  countCalls(trial, trial.log, from);
  return {
    ...described(fault),
    verdict: trial.violations.length === 0 ? 'survived' : 'violated',
    reason: null,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
    counts: trial.counts,
    recovery_ms: trial.recoveries,
    violations: trial.violations.slice(0, MAX_VIOLATIONS),
  };
}

/** What is said of a fault that this machine cannot do. */
export function notRun(fault: Fault, reason: string): TrialResult {
  return {
    ...described(fault),
    verdict: 'not run',
    reason,
    seconds: 0,
    counts: {},
    recovery_ms: [],
    violations: [],
  };
}

function described(fault: Fault): Pick<TrialResult, 'fault' | 'name' | 'does' | 'holds' | 'recovery'> {
  const { name, does, holds, recovery } = fault;
  return { fault: nameOf(fault), name, does, holds, recovery };
}

async function harm(fault: Fault, trial: Trial): Promise<void> {
  const { deployment, load } = trial;
  if (fault.settings) await deployment.restartWith(fault.settings);
  if (fault.load) {
    load.start(fault.load);
    const isWarm = await within(WARM_UP_MS, () => load.acknowledged >= 5);
    if (isWarm === null) trial.violate('the load got no answers before anything was harmed');
  }
  try {
    await bounded(`fault ${nameOf(fault)}`, fault.limitSeconds * 1_000, fault.conduct(trial));
  } finally {
    await deployment.heal();
  }
  await bounded('the load', LOAD_END_MS, load.stop());
  if (fault.settings) await deployment.restartWith({});
}

async function checkAll(fault: Fault, trial: Trial, from: number): Promise<void> {
  const { deployment, load, log } = trial;
  const { server } = deployment;
  for (const job of await quiesce(server, QUIESCE_MS)) trial.violate(`P2: ${job}, and nothing is being done`);
  trial.recoveries.push(...(await nextStarts(server, trial.kills)));
  const calls = log.since(from);
  const found = [
    await checkSentJobs(server, load.jobs),
    await checkShownMoves(server, calls),
    checkAnswers(calls),
    checkPrograms(deployment.programs, trial.expectedGrave),
    await checkRest(server),
    await checkInvariants(deployment.operator),
  ];
  for (const violation of found.flat()) trial.violate(violation);
  for (const ms of trial.recoveries.filter((each) => each > fault.recoveryLimitMs)) {
    trial.violate(`recovery took ${ms} ms; ${fault.recoveryLimitMs} ms are allowed`);
  }
}

function countCalls(trial: Trial, log: CallLog, from: number): void {
  const calls = log.since(from);
  trial.count('calls', calls.length);
  for (const { verdict } of calls) trial.count(`calls ${verdict}`);
  trial.count('jobs', trial.load.jobs.length);
  trial.count('jobs acknowledged', trial.load.acknowledged);
}
