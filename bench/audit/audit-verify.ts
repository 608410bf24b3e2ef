import { AuditSeal, AuditVerifier, CheckpointFolder, openSigner } from '#audit';
import { join } from 'node:path';
import { BenchPlace, SCOPE } from '../place.js';
import { type BenchReport, machine, resultOf } from '../report.js';

/** $1 how many. As plain as the audit of jobs that were made, claimed and ended. */
const PUT_EVENTS = `
  INSERT INTO audit_event (
    tenant_id, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status, version, request_id,
    trace_id, source, metadata
  )
  SELECT 'tenant-' || n % 100, 'worker', md5((n % 7)::text), 'job.succeeded', 'job', 'job-' || n / 4, 'running',
    'succeeded', 6, NULL, md5(n::text), 'worker', jsonb_build_object('plan_id', md5(n::text) || md5(n::text))
  FROM generate_series(1, $1::integer) AS n`;

/** Rows a second that are sealed, and that `ssctl audit verify` recomputes. */
export async function benchAuditVerify(options: Readonly<Record<string, string>>): Promise<BenchReport> {
  const rows = Number(options['rows'] ?? 600_000);
  const rounds = Number(options['rounds'] ?? 5);
  const place = await BenchPlace.open('audit-verify');
  try {
    const database = await place.newDatabase('audit_verify');
    await database.owner.query(PUT_EVENTS, [rows]);
    await database.owner.query('VACUUM ANALYZE audit_event');
    const worker = database.database('ss_worker', 5);
    const signer = await openSigner(join(place.folder, 'signing-key.pem'));
    const folder = new CheckpointFolder(join(place.folder, 'checkpoints'));
    const seal = new AuditSeal(worker, SCOPE, signer, folder);
    let sealed = 0;
    const begun = performance.now();
    while (sealed < rows) sealed += (await seal.seal()).rows;
    const sealing = sealed / ((performance.now() - begun) / 1_000);
    const verifying: number[] = [];
    const checkpoints = await folder.read();
    for (let round = 0; round < rounds; round++) {
      const from = performance.now();
      const found = await new AuditVerifier(worker, SCOPE).verify({ checkpoints });
      if (!found.ok || found.rows !== rows) throw new Error(`not all was verified: ${JSON.stringify(found)}`);
      verifying.push(rows / ((performance.now() - from) / 1_000));
    }
    const unit = 'rows/s';
    return {
      bench: 'audit-verify',
      machine: machine(),
      settings: { rows, rounds, server: 'embedded PostgreSQL, durable' },
      results: [
        resultOf({ system: 'ss', case: 'seal', metric: 'throughput', unit }, [sealing]),
        resultOf({ system: 'ss', case: 'verify', metric: 'throughput', unit }, verifying),
      ],
      ratios: [],
    };
  } finally {
    await place.close();
  }
}
