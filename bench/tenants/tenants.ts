import type { Database } from '#database';
import { JobRuns } from '#jobs';
import { FRONT, type Queue } from '#queue';
import { randomUUID } from 'node:crypto';
import { BenchPlace, SCOPE } from '../place.js';
import { queueJobs } from '../queued-jobs.js';
import { type BenchReport, type BenchResult, machine, ratioOf, resultOf } from '../report.js';

const LEASE_MS = 600_000;

/** A queue of the same length: who stands in it, and whether they have turns. */
const CASES = [
  { name: 'one tenant, order of arrival', tenants: 1, turns: false },
  { name: 'one tenant, turns', tenants: 1, turns: true },
  { name: 'many tenants, order of arrival', many: true, turns: false },
  { name: 'many tenants, turns', many: true, turns: true },
] as const;

/** How long a claim takes with 100,000 jobs of 1,000 tenants queued, and what turns add to that. */
export async function benchTenants(options: Readonly<Record<string, string>>): Promise<BenchReport> {
  const jobs = Number(options['jobs'] ?? 100_000);
  const tenants = Number(options['tenants'] ?? 1_000);
  const claims = Number(options['claims'] ?? 500);
  const atOnce = Number(options['at-once'] ?? 8);
  const place = await BenchPlace.open('tenants');
  try {
    const results: BenchResult[] = [];
    for (const [n, each] of CASES.entries()) {
      const database = await place.newDatabase(`tenants_${String(n)}`);
      const of = 'many' in each ? tenants : each.tenants;
      await queueJobs(
        database,
        { tenants: of, perTenant: Math.ceil(jobs / of) },
        each.turns ? {} : { turn: FRONT },
      );
      const worker = database.database('ss_worker', 4);
      const times = await database.withQueue(worker, (queue) => timeClaims(worker, queue, claims, atOnce));
      for (const [metric, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        const at = times[Math.floor(times.length * share)] ?? NaN;
        results.push(
          resultOf({ system: 'ss', case: `claim, ${each.name}`, metric, unit: `ms ${metric}` }, [at]),
        );
      }
      await database.close();
    }
    const p50 = (name: string): number =>
      results.find((result) => result.case === `claim, ${name}` && result.metric === 'p50')?.median ?? NaN;
    return {
      bench: 'tenants',
      machine: machine(),
      settings: { jobs, tenants, claims, at_once: atOnce, server: 'embedded PostgreSQL, durable' },
      results,
      ratios: [
        ratioOf(
          'claim p50, many tenants with turns to one tenant without',
          p50('many tenants, turns'),
          p50('one tenant, order of arrival'),
        ),
      ],
    };
  } finally {
    await place.close();
  }
}

/** Milliseconds of each claim of `atOnce` jobs, sorted. The first tenth is not counted: connections and caches are cold. */
async function timeClaims(worker: Database, queue: Queue, claims: number, atOnce: number): Promise<number[]> {
  const runs = new JobRuns(worker, queue, SCOPE, LEASE_MS);
  const identity = { workerId: randomUUID(), build: 'bench', abilities: ['noop'], slots: atOnce };
  const times: number[] = [];
  const cold = Math.ceil(claims / 10);
  for (let n = 0; n < claims + cold; n++) {
    const begun = performance.now();
    const claimed = await runs.claim(identity, atOnce);
    if (n >= cold) times.push(performance.now() - begun);
    if (claimed.length !== atOnce) throw new Error(`claimed ${String(claimed.length)} of ${String(atOnce)}`);
  }
  return times.sort((a, b) => a - b);
}
