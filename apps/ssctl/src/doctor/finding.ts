/**
 * `info`: good to know. `warning`: look at it soon. `error`: something does not work, or is not safe. `violated`: an
 * invariant does not hold. `unknown`: nobody could look, so nobody knows.
 */
export type Level = 'info' | 'warning' | 'error' | 'violated' | 'unknown';

export interface Finding {
  /** Stable: what alerts and runbooks name. */
  id: string;
  level: Level;
  cause: string;
  remedy: string;
  /** Of a broken invariant: some of what breaks it, by ids. */
  rows?: Record<string, unknown>[];
}

export interface Report {
  /** Nothing is wrong, and everything could be looked at. Warnings may be there. */
  ok: boolean;
  findings: Finding[];
  checked: string[];
  not_checked: { id: string; why: string }[];
}

const SEVERITY: Record<Level, number> = { violated: 0, error: 1, unknown: 2, warning: 3, info: 4 };

export function reportOf(
  findings: readonly Finding[],
  checked: readonly string[],
  notChecked: Report['not_checked'],
): Report {
  return {
    ok: findings.every(({ level }) => level === 'info' || level === 'warning'),
    findings: [...findings].sort((one, other) => SEVERITY[one.level] - SEVERITY[other.level]),
    checked: [...checked],
    not_checked: notChecked,
  };
}

/** For cron: 0 fine, 1 something is wrong, 2 it could not be found out. */
export function exitCodeOf({ findings }: Report, strict: boolean): 0 | 1 | 2 {
  const levels = new Set(findings.map(({ level }) => level));
  if (levels.has('violated') || levels.has('error') || (strict && levels.has('warning'))) return 1;
  return levels.has('unknown') ? 2 : 0;
}
