import { FRONT } from '#queue';
import { join } from 'node:path';
import { BenchPlace } from '../place.js';
import { queueJobs } from '../queued-jobs.js';
import { type BenchReport, type BenchResult, machine, ratioOf, resultOf } from '../report.js';
import { submit } from './submit.js';
import { checkAudited, stopAuditing, type Variant, VARIANTS } from './variants.js';
import { workOff } from './work-off.js';

const SEAL_SECONDS = 1;
const NEVER_SECONDS = 86_400;
const TENANTS = 10;

/** What audit, sealing and fair shares cost: jobs a second that are submitted, and worked off, with and without each. */
export async function benchOverhead(options: Readonly<Record<string, string>>): Promise<BenchReport> {
  const jobs = Number(options['jobs'] ?? 3_000);
  const rounds = Number(options['rounds'] ?? 3);
  const connections = Number(options['connections'] ?? 16);
  const slots = Number(options['slots'] ?? 16);
  const samples = VARIANTS.map((variant) => ({ variant, submit: [] as number[], process: [] as number[] }));
  const place = await BenchPlace.open('overhead');
  try {
    // Each round has every variant, so that a slow minute of the machine is nobody's own.
    for (let round = 0; round < rounds; round++) {
      for (const [n, sample] of samples.entries()) {
        const name = `overhead_${String(round)}_${String(n)}`;
        sample.submit.push(await submitOnce(place, `${name}_submit`, sample.variant, { jobs, connections }));
        sample.process.push(await processOnce(place, `${name}_process`, sample.variant, { jobs, slots }));
      }
    }
  } finally {
    await place.close();
  }
  const results = samples.flatMap(({ variant, ...of }) =>
    (['submit', 'process'] as const).map((what) =>
      resultOf(
        { system: 'ss', case: `${what}, ${variant.name}`, metric: 'throughput', unit: 'jobs/s' },
        of[what],
      ),
    ),
  );
  return {
    bench: 'overhead',
    machine: machine(),
    settings: {
      ...{ jobs, rounds, connections, slots, tenants: TENANTS, seal_seconds: SEAL_SECONDS },
      server: 'embedded PostgreSQL, durable',
    },
    results,
    ratios: (['submit', 'process'] as const).flatMap((what) => ratiosOf(what, results)),
  };
}

function ratiosOf(what: string, results: readonly BenchResult[]): BenchReport['ratios'] {
  const of = (variant: string): number =>
    results.find((result) => result.case === `${what}, ${variant}`)?.median ?? NaN;
  return VARIANTS.slice(1).map(({ name }) => ratioOf(`${what}, all on to ${name}`, of('all on'), of(name)));
}

async function submitOnce(
  place: BenchPlace,
  name: string,
  variant: Variant,
  size: { jobs: number; connections: number },
): Promise<number> {
  const database = await place.newDatabase(name);
  if (!variant.audit) await stopAuditing(database);
  const rate = await submit(database, join(place.folder, name), variant, size);
  await checkAudited(database, variant, size.jobs);
  await database.close();
  return rate;
}

async function processOnce(
  place: BenchPlace,
  name: string,
  variant: Variant,
  { jobs, slots }: { jobs: number; slots: number },
): Promise<number> {
  const database = await place.newDatabase(name);
  const perTenant = Math.ceil(jobs / TENANTS);
  await queueJobs(database, { tenants: TENANTS, perTenant }, variant.turns ? {} : { turn: FRONT });
  if (!variant.audit) await stopAuditing(database);
  const rate = await workOff(database, {
    SS_WORKER_CONCURRENCY: String(slots),
    SS_DATABASE_POOL_SIZE: String(slots + 4),
    SS_AUDIT_SEAL_SECONDS: String(variant.sealing ? SEAL_SECONDS : NEVER_SECONDS),
  });
  await checkAudited(database, variant, jobs);
  await database.close();
  return rate;
}
