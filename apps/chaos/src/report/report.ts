import type { Campaign } from '../campaign.js';
import type { TrialResult } from '../conduct.js';
import { SETTINGS, WORKERS } from '../deployment/settings.js';
import type { Machine } from '../machine.js';

/** The counts of a campaign: what `npm test` shows. */
export interface Totals {
  passed: number;
  failed: number;
  not_run: number;
}

/** The whole report, as it stands in the JSON file. */
export interface Report {
  command: string;
  seed: string;
  began_at: string;
  minutes: number;
  machine: Machine;
  settings: Readonly<Record<string, string>>;
  workers: number;
  totals: Totals;
  violations: number;
  jobs: number;
  jobs_acknowledged: number;
  calls: number;
  faults: readonly (TrialResult & { recovered: Spread | null })[];
}

export interface Spread {
  times: number;
  median_ms: number;
  max_ms: number;
}

export function reportOf({ machine, results, seed, beganAt, minutes }: Campaign, command: string): Report {
  const having = (verdict: TrialResult['verdict']): number =>
    results.filter((result) => result.verdict === verdict).length;
  const sum = (what: string): number => results.reduce((all, { counts }) => all + (counts[what] ?? 0), 0);
  return {
    command,
    seed,
    began_at: beganAt,
    minutes: Math.round(minutes * 10) / 10,
    machine,
    settings: SETTINGS,
    workers: WORKERS,
    totals: { passed: having('survived'), failed: having('violated'), not_run: having('not run') },
    violations: results.reduce((all, { violations }) => all + violations.length, 0),
    jobs: sum('jobs'),
    jobs_acknowledged: sum('jobs acknowledged'),
    calls: sum('calls'),
    faults: results.map((result) => ({ ...result, recovered: spreadOf(result.recovery_ms) })),
  };
}

export function spreadOf(times: readonly number[]): Spread | null {
  const sorted = times.toSorted((a, b) => a - b);
  const [median, max] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)];
  if (median === undefined || max === undefined) return null;
  return { times: sorted.length, median_ms: median, max_ms: max };
}
