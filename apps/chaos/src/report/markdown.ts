import { readFile, writeFile } from 'node:fs/promises';
import type { TrialResult } from '../conduct.js';
import { type Report, spreadOf } from './report.js';

const BEGIN = '<!-- chaos report: begin; written by npm run chaos -->';
const END = '<!-- chaos report: end -->';

/** Writes the report between its markers, or at the end of a file that has none. */
export async function writeMarkdown(file: string, report: Report): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  await writeFile(file, withSection(text, inMarkdown(report)));
}

/** The text with the section between the markers replaced, the rest as it was. */
export function withSection(text: string, section: string): string {
  const whole = `${BEGIN}\n${section}\n${END}`;
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) return `${text.trimEnd()}\n\n${whole}\n`.trimStart();
  return `${text.slice(0, from)}${whole}${text.slice(to + END.length)}`;
}

export function inMarkdown(report: Report): string {
  const { machine, totals } = report;
  const told = report.faults.filter(({ violations }) => violations.length > 0);
  const lacking = report.faults.filter(({ verdict }) => verdict === 'not run');
  return [
    `Made by \`${report.command}\` on ${report.began_at.slice(0, 10)}, seed \`${report.seed}\`, in ${String(report.minutes)} minutes,`,
    `on ${String(machine.cpus)} CPUs (${machine.cpu}), ${String(machine.memory_gib)} GiB, ${machine.os}, Node ${machine.node}, PostgreSQL ${machine.postgresql};`,
    `one API, ${String(report.workers)} workers, lease ${setting(report, 'SS_QUEUE_LEASE_TTL_SECONDS')}, heartbeat ${setting(report, 'SS_QUEUE_HEARTBEAT_SECONDS')}, sweep ${setting(report, 'SS_QUEUE_SWEEP_SECONDS')}.`,
    '',
    `**${String(totals.passed)} trials survived, ${String(totals.failed)} violated something, ${String(totals.not_run)} not run; ${String(report.violations)} violations.** ` +
      `${String(report.jobs)} jobs were meant, ${String(report.jobs_acknowledged)} acknowledged, all of those accounted for${report.violations > 0 ? ' but for what is listed below' : ''}; ${String(report.calls)} calls.`,
    '',
    '| fault | trials | outcome | done | jobs | calls without answer | recovery, median / max |',
    '|---|---|---|---|---|---|---|',
    ...[...Map.groupBy(report.faults, ({ fault }) => fault).values()].map(rowOf),
    ...(lacking.length === 0
      ? []
      : ['', ...lacking.map(({ fault, name, reason }) => `Not run: ${fault} ${name}: ${String(reason)}.`)]),
    ...(told.length === 0
      ? []
      : [
          '',
          'Violations:',
          '',
          ...told.flatMap(({ fault, violations }) => violations.map((each) => `- ${fault}: ${inline(each)}`)),
        ]),
  ].join('\n');
}

/** One fault, with all its trials together. */
function rowOf(trials: readonly TrialResult[]): string {
  const [first] = trials;
  if (!first) return '';
  const counts: Record<string, number> = {};
  for (const trial of trials)
    for (const [what, number] of Object.entries(trial.counts)) counts[what] = (counts[what] ?? 0) + number;
  const done = Object.entries(counts)
    .filter(([what]) => !USUAL.test(what))
    .map(([what, number]) => `${what} ${String(number)}`);
  const spread = spreadOf(trials.flatMap(({ recovery_ms }) => recovery_ms));
  const outcome = ['violated', 'not run', 'survived'].find((each) =>
    trials.some(({ verdict }) => verdict === each),
  );
  return `| ${[
    `${first.fault} ${first.name}`,
    String(trials.length),
    outcome === 'survived' ? 'survived' : `**${String(outcome)}**`,
    inline(done.join(', ')),
    String(counts['jobs'] ?? 0),
    String((counts['calls unknown'] ?? 0) + (counts['calls unreached'] ?? 0)),
    spread === null
      ? '–'
      : `${String(spread.median_ms)} / ${String(spread.max_ms)} ms (${String(spread.times)})`,
  ].join(' | ')} |`;
}

/** Counts that every trial has; they have columns of their own or stand in the JSON. */
const USUAL = /^(calls|jobs)( |$)/;

const inline = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
const setting = (report: Report, name: string): string => `${report.settings[name] ?? '?'} s`;
