import { type Environment, readConfiguration } from '#configuration';
import { type Command, InvalidArgumentError } from 'commander';
import { configurationFindings } from '../doctor/configuration-findings.js';
import { checks } from '../doctor/checks/checks.js';
import { examine } from '../doctor/doctor.js';
import { exitCodeOf, type Report, reportOf } from '../doctor/finding.js';
import { inLines } from '../doctor/report-lines.js';
import { answer } from '../terminal.js';

interface DoctorOptions {
  invariants?: boolean;
  strict?: boolean;
  quietSeconds: number;
  sweepSeconds: number;
  limitSeconds?: number;
  json?: boolean;
}

/** Rows and messages: the reconciler's round and some. A lost lease: the sweep, and its pause after an outage. */
const DEFAULT_QUIET_SECONDS = 120;
const DEFAULT_SWEEP_SECONDS = 60;
const LIMIT_SECONDS = { checks: 5, invariants: 60 };

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds < 0)
    throw new InvalidArgumentError('must be a number of seconds');
  return seconds;
}

/** `ssctl doctor [--invariants]`: what is wrong with this deployment, and what to do about it. */
export function addDoctorCommand(program: Command, environment: () => Environment): void {
  program
    .command('doctor')
    .description('what is wrong with this deployment, and what to do; changes nothing')
    .option('--invariants', 'instead of the deployment, check what must be true of its rows at every moment')
    .option(
      '--quiet-seconds <n>',
      'time in which rows and messages may still agree by themselves',
      toSeconds,
      DEFAULT_QUIET_SECONDS,
    )
    .option(
      '--sweep-seconds <n>',
      'time in which a lease that ran out may still be swept up',
      toSeconds,
      DEFAULT_SWEEP_SECONDS,
    )
    .option(
      '--limit-seconds <n>',
      `time for each question to the database (${String(LIMIT_SECONDS.checks)}, with --invariants ${String(LIMIT_SECONDS.invariants)})`,
      toSeconds,
    )
    .option('--strict', 'warnings count as well')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nEnds with 0 when all is well, 1 when something is wrong, 2 when it could not look.',
    )
    .action(async (options: DoctorOptions) => {
      const report = await diagnose(environment(), options);
      answer(options.json ?? false, report, () => inLines(report));
      process.exitCode = exitCodeOf(report, options.strict ?? false);
    });
}

async function diagnose(environment: Environment, options: DoctorOptions): Promise<Report> {
  const invariants = options.invariants ?? false;
  const settings = configurationFindings(environment);
  const mine = settings.find(({ id, level }) => id === 'configuration.ssctl' && level === 'error');
  // Without its own settings it does not know where the database is.
  if (mine) return reportOf(settings, ['configuration'], []);
  const { configuration } = readConfiguration('ssctl', environment);
  const limitSeconds = options.limitSeconds ?? (invariants ? LIMIT_SECONDS.invariants : LIMIT_SECONDS.checks);
  const grace = { quietSeconds: options.quietSeconds, sweepSeconds: options.sweepSeconds };
  const report = await examine(
    configuration,
    { invariants, grace, limitMs: limitSeconds * 1_000 },
    checks(grace),
  );
  if (invariants) return report;
  return reportOf(
    [...settings, ...report.findings],
    ['configuration', ...report.checked],
    report.not_checked,
  );
}
