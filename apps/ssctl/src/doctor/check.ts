import type { Configuration } from '#configuration';
import type { Finding, Report } from './finding.js';

export type Asking = <Row extends Record<string, unknown>>(
  text: string,
  values?: readonly unknown[],
) => Promise<Row[]>;

/** What a check may look with. */
export interface Surroundings {
  configuration: Configuration<'ssctl'>;
  /** The owner's URL, for what compares the database with the files of this release. */
  ownerUrl: string;
  /** Asks as the login of the URL: it may see sessions and settings. */
  ask: Asking;
  /** Asks as the role that sees the rows of all tenants. */
  askRows: Asking;
}

export interface Check {
  id: string;
  /** Whether it reads our tables, and so makes no sense where the schema was never deployed. */
  needsSchema: boolean;
  examine(surroundings: Surroundings): Promise<Finding[]>;
}

const NOT_DEPLOYED = 'the schema is not deployed';

/** Carries the checks out one after the other. One that fails is a finding itself, and hides no other. */
export async function carryOut(
  checks: readonly Check[],
  surroundings: Surroundings,
  isDeployed: boolean,
): Promise<{ findings: Finding[]; checked: string[]; notChecked: Report['not_checked'] }> {
  const findings: Finding[] = [];
  const checked: string[] = [];
  const notChecked: Report['not_checked'] = [];
  for (const check of checks) {
    if (check.needsSchema && !isDeployed) {
      notChecked.push({ id: check.id, why: NOT_DEPLOYED });
      continue;
    }
    try {
      findings.push(...(await check.examine(surroundings)));
      checked.push(check.id);
    } catch (error) {
      findings.push(couldNotLook(check.id, error));
    }
  }
  return { findings, checked, notChecked };
}

export function couldNotLook(id: string, error: unknown): Finding {
  const cause = error instanceof Error ? error.message : String(error);
  return {
    id,
    level: 'unknown',
    cause: `it could not be looked at: ${cause === '' ? 'no answer' : cause}`,
    remedy: /statement timeout|read timeout/.test(cause)
      ? 'Give it more time with --limit-seconds, or ask again when the database has less to do.'
      : 'Run doctor again with the login that deploys the schema; see the message.',
  };
}
