import { record } from '#audit';
import type { Database, Tx } from '#database';
import { type LogLevelRule, LogLevels } from '#health';
import { isLogLevel, LOG_LEVELS, type LogLevel } from '#observability';
import { PLATFORM } from '#tenancy';
import { type Command, InvalidArgumentError } from 'commander';
import { operatorScope } from '../deployment.js';
import { notBlank } from '../not-blank.js';
import { answer, table } from '../terminal.js';
import { toSeconds } from '../to-seconds.js';
import type { WithDeployment } from '../with-deployment.js';

interface LevelOptions {
  for: number;
  reason?: string;
  json?: boolean;
}

const PROGRAMS = ['api', 'worker'];
/** The word for the end of a level before its time. */
const CONFIGURED = 'configured';
const DEFAULT_SECONDS = 15 * 60;
const WORKER_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const FIND_WORKER = 'SELECT FROM worker WHERE worker_id = $1 AND stopped_at IS NULL';

/** `ssctl log-level [PROGRAM|WORKER_ID] [LEVEL] [--for 15m --reason …]` */
export function addLogLevelCommand(program: Command, withDeployment: WithDeployment): void {
  program
    .command('log-level')
    .description('change for a time what running programs log; without a level, what holds now')
    .argument('[target]', 'api, worker, or the id of one worker; both programs when absent')
    .argument('[level]', `${LOG_LEVELS.join(', ')}, or ${CONFIGURED}: as their configuration says`)
    .option('--for <time>', 'how long it holds; 15m when nobody says otherwise', toSpan, DEFAULT_SECONDS)
    .option('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'one JSON document')
    .action(async (first: string | undefined, second: string | undefined, options: LevelOptions) => {
      const wish = first === undefined ? null : wished(first, second, options);
      const items = await withDeployment((deployment) =>
        deployment.asOperator((database) => changeAndList(database, wish, options)),
      );
      answer(options.json ?? false, { items }, () => lines(items));
    });
}

interface Wish {
  targets: readonly string[];
  level: LogLevel | typeof CONFIGURED;
  reason: string;
}

/** One word is a level for both programs; two are whose level it is, and the level. */
function wished(first: string, second: string | undefined, { reason }: LevelOptions): Wish {
  const [targets, level] = second === undefined ? [PROGRAMS, first] : [[first], second];
  if (level !== CONFIGURED && !isLogLevel(level))
    throw new Error(`there is no level ${level}; there are: ${[...LOG_LEVELS, CONFIGURED].join(', ')}`);
  for (const target of targets) {
    if (!PROGRAMS.includes(target) && !WORKER_ID.test(target))
      throw new Error(`${target} is neither a program (${PROGRAMS.join(', ')}) nor the id of a worker`);
  }
  if (reason === undefined) throw new Error('say why: --reason');
  return { targets, level, reason };
}

async function changeAndList(
  database: Database,
  wish: Wish | null,
  options: LevelOptions,
): Promise<LogLevelRule[]> {
  const levels = new LogLevels();
  const scope = { ...operatorScope(wish?.reason), tenantId: PLATFORM };
  return database.transaction(scope, async (tx) => {
    if (wish) await change(tx, levels, wish, options.for);
    return levels.list(tx);
  });
}

async function change(
  tx: Tx,
  levels: LogLevels,
  { targets, level, reason }: Wish,
  seconds: number,
): Promise<void> {
  for (const target of targets) {
    const act = { resourceType: 'log_level', resourceId: target };
    if (level === CONFIGURED) {
      if (await levels.end(tx, target)) await record(tx, { ...act, action: 'log_level.ended' });
      continue;
    }
    const isWorker = WORKER_ID.test(target);
    if (isWorker && (await tx.query(FIND_WORKER, [target])).length === 0)
      throw new Error(`there is no running worker ${target}; ssctl status lists them`);
    await levels.set(tx, { target, level, reason, seconds });
    await record(tx, { ...act, action: 'log_level.set', metadata: { level, seconds } });
  }
}

function lines(items: readonly LogLevelRule[]): string[] {
  if (items.length === 0) return ['every program logs as it is configured (SS_LOG_LEVEL)'];
  return table(
    ['TARGET', 'LEVEL', 'UNTIL', 'BY', 'REASON'],
    items.map((rule) => [rule.target, rule.level, rule.ends_at.slice(0, 19), rule.set_by, rule.reason]),
  );
}

function toSpan(text: string): number {
  const seconds = toSeconds(text);
  if (seconds < 1) throw new InvalidArgumentError('must be at least 1s');
  return seconds;
}
