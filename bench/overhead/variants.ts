import type { BenchDatabase } from '../place.js';

/** A deployment with one of its protections left out, as nobody can have it: to see what the protection costs. */
export interface Variant {
  name: string;
  audit: boolean;
  sealing: boolean;
  turns: boolean;
}

export const VARIANTS: readonly Variant[] = [
  { name: 'all on', audit: true, sealing: true, turns: true },
  { name: 'without audit', audit: false, sealing: false, turns: true },
  { name: 'without sealing', audit: true, sealing: false, turns: true },
  { name: 'without fair shares', audit: true, sealing: true, turns: false },
  { name: 'without any', audit: false, sealing: false, turns: false },
];

/** Every trigger on jobs that writes to the audit, by the function that it calls. */
const AUDIT_TRIGGERS = `
  SELECT tgname AS name FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
  WHERE tgrelid = 'job'::regclass AND NOT tgisinternal AND proname LIKE 'audit_job_%'`;

/** As the superuser of the benchmark's own server; no role of the programs may. */
export async function stopAuditing({ owner }: BenchDatabase): Promise<void> {
  const { rows } = await owner.query<{ name: string }>(AUDIT_TRIGGERS);
  if (rows.length === 0) throw new Error('there is no trigger that audits jobs; what would be left out?');
  for (const { name } of rows) await owner.query(`ALTER TABLE job DISABLE TRIGGER ${name}`);
}

/** That a variant leaves out what it says, and nothing else: throws otherwise. */
export async function checkAudited({ owner }: BenchDatabase, variant: Variant, jobs: number): Promise<void> {
  const { rows } = await owner.query<{ audited: string; sealed: string }>(
    `SELECT (SELECT count(*) FROM audit_event WHERE resource_type = 'job') AS audited,
       (SELECT count(*) FROM audit_segment) AS sealed`,
  );
  const { audited = '0', sealed = '0' } = rows[0] ?? {};
  const moves = Number(audited) / jobs;
  if (variant.audit ? moves < 2 : moves > 0) throw new Error(`${variant.name}: ${audited} audit rows`);
  if (variant.sealing !== Number(sealed) > 0) throw new Error(`${variant.name}: ${sealed} segments`);
}
