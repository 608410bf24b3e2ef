import { BenchPlace } from '../place.js';
import { type BenchReport, type BenchResult, machine, ratioOf, resultOf } from '../report.js';
import { ApiUnderLoad } from './api-under-load.js';
import { EndedSteps } from './ended-steps.js';

/** Far above what a benchmark needs. */
const PLENTY = 10_000_000_000_000;

/** A tenant with a limit and without; `stored`: what it seems to have already. */
const STORING = [
  { name: 'no limit', tenantId: 'none', limit: null, stored: 0 },
  { name: 'far from the limit', tenantId: 'far', limit: PLENTY, stored: 0 },
  { name: 'near the limit', tenantId: 'near', limit: PLENTY, stored: PLENTY * 0.95 },
] as const;

const ASKING = [
  { name: 'no limit', tenantId: 'free', limit: null },
  { name: 'limit not reached', tenantId: 'limited', limit: 1_000_000 },
  { name: 'refused', tenantId: 'refused', limit: 1 },
] as const;

/** What the limits of a tenant cost: requests, artifacts of steps, and ten uploads at once, with each limit and without. */
export async function benchQuotas(options: Readonly<Record<string, string>>): Promise<BenchReport> {
  const rounds = Number(options['rounds'] ?? 5);
  const requests = Number(options['requests'] ?? 1_000);
  const steps = Number(options['steps'] ?? 500);
  const connections = Number(options['connections'] ?? 8);
  const place = await BenchPlace.open('quotas');
  const samples = new Map<string, { unit: string; metric: string; of: number[] }>();
  const note = (what: string, metric: string, unit: string, sample: number): void => {
    const known = samples.get(what) ?? { unit, metric, of: [] };
    known.of.push(sample);
    samples.set(what, known);
  };
  try {
    const database = await place.newDatabase('quotas');
    for (const { tenantId, limit, ...storing } of [...STORING, ...ASKING]) {
      const isStoring = 'stored' in storing;
      await database.owner.query('INSERT INTO tenant (tenant_id) VALUES ($1)', [tenantId]);
      await database.owner.query(
        `INSERT INTO tenant_quota (tenant_id, ${isStoring ? 'storage_bytes' : 'requests_per_second'}) VALUES ($1, $2)`,
        [tenantId, limit],
      );
      await database.owner.query('INSERT INTO tenant_storage VALUES ($1, 0, $2)', [
        tenantId,
        isStoring ? storing.stored : 0,
      ]);
    }
    // Each round has every case, so that a slow minute of the machine is nobody's own.
    for (let round = 0; round < rounds; round++) {
      for (const { name, tenantId } of STORING) {
        const ended = await EndedSteps.prepare(database, tenantId, { steps, connections });
        note(`artifacts, ${name}`, 'throughput', 'steps/s', await ended.rate());
      }
    }
    const api = await ApiUnderLoad.start(database);
    try {
      for (let round = 0; round < rounds; round++) {
        const tenants = ASKING.map(({ tenantId }) => tenantId);
        for (const [index, micros] of (await api.requestMicros(tenants, requests)).entries()) {
          note(`request, ${ASKING[index]?.name ?? ''}`, 'p50', 'µs', micros);
        }
        for (const { name, tenantId } of STORING) {
          note(`ten uploads, ${name}`, 'time', 'ms', await api.tenUploadsMs(tenantId));
        }
      }
    } finally {
      await api.stop();
    }
  } finally {
    await place.close();
  }
  const results = [...samples].map(([what, { metric, unit, of }]) =>
    resultOf({ system: 'ss', case: what, metric, unit }, of),
  );
  return {
    bench: 'quotas',
    machine: machine(),
    settings: { rounds, requests, steps, connections, server: 'embedded PostgreSQL, durable' },
    results,
    ratios: ratiosOf(results),
  };
}

function ratiosOf(results: readonly BenchResult[]): BenchReport['ratios'] {
  return results.flatMap((result) => {
    const [what = '', name = ''] = result.case.split(', ');
    const without = results.find((other) => other.case === `${what}, no limit`);
    if (!without || without === result) return [];
    return [ratioOf(`${what}, ${name} to no limit`, result.median, without.median)];
  });
}
