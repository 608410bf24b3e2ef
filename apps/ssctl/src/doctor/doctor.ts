import type { Configuration } from '#configuration';
import { EmbeddedServer, Inspection } from '#database';
import { type Grace, NOT_TOLD_BY_SQL } from '#jobs';
import { Deployment } from '../deployment.js';
import { carryOut, type Check, couldNotLook, type Surroundings } from './check.js';
import { invariantChecks } from './checks/invariant-checks.js';
import { type Finding, type Report, reportOf } from './finding.js';

export interface Examination {
  /** The invariants and nothing else. */
  invariants: boolean;
  grace: Grace;
  /** The time that one question to the database may take. */
  limitMs: number;
}

const WHERE_IT_IS =
  'Start PostgreSQL, or correct DATABASE_URL; see that this machine may connect (pg_hba.conf, firewall, TLS).';

/** Looks at a deployment and says what is wrong with it. Changes nothing, and answers in any condition. */
export async function examine(
  configuration: Configuration<'ssctl'>,
  asked: Examination,
  checks: readonly Check[],
): Promise<Report> {
  const { databaseUrl, dataDir } = configuration;
  if (databaseUrl === null && !(await EmbeddedServer.exists(dataDir))) {
    return unreachable({
      id: 'database',
      level: 'unknown',
      cause: `DATABASE_URL is not set, and there is no embedded database in ${dataDir} yet`,
      remedy: 'Set DATABASE_URL, or run: npm start',
    });
  }
  let deployment: Deployment | undefined;
  let inspection: Inspection | undefined;
  try {
    deployment = await Deployment.open(configuration);
    inspection = await Inspection.open(deployment.ownerUrl);
  } catch (error) {
    await deployment?.close();
    return unreachable({ ...couldNotLook('database', error), remedy: WHERE_IT_IS });
  }
  try {
    return await look(surroundingsOf(configuration, deployment, inspection, asked.limitMs), asked, checks);
  } finally {
    await inspection.close().catch(() => undefined);
    await deployment.close();
  }
}

async function look(around: Surroundings, asked: Examination, checks: readonly Check[]): Promise<Report> {
  const isDeployed = await hasSchema(around).catch(() => false);
  const { findings, checked, notChecked } = await carryOut(
    asked.invariants ? invariantChecks(asked.grace) : checks,
    around,
    isDeployed,
  );
  if (asked.invariants && !isDeployed) {
    const cause = 'the database holds no tables of SS, so there is nothing that could hold';
    findings.push({ id: 'schema', level: 'unknown', cause, remedy: 'Run: npm run ssctl -- schema deploy' });
  }
  const notTold = asked.invariants ? NOT_TOLD_BY_SQL.map(({ id, why }) => ({ id, why })) : [];
  return reportOf(findings, checked, [...notChecked, ...notTold]);
}

async function hasSchema({ ask }: Surroundings): Promise<boolean> {
  const [row] = await ask<{ there: boolean }>(
    `SELECT to_regclass('public.job') IS NOT NULL AND to_regclass('public.audit_event') IS NOT NULL
       AND to_regclass('pgboss.job') IS NOT NULL AS there`,
  );
  return row?.there ?? false;
}

function surroundingsOf(
  configuration: Configuration<'ssctl'>,
  { ownerUrl }: Deployment,
  inspection: Inspection,
  limitMs: number,
): Surroundings {
  return {
    configuration,
    ownerUrl,
    ask: (text, values = []) => inspection.ask(text, values, { limitMs }),
    askRows: (text, values = []) => inspection.ask(text, values, { limitMs, role: 'ss_system' }),
  };
}

function unreachable(finding: Finding): Report {
  return reportOf([finding], [], []);
}
