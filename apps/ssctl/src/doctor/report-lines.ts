import type { Finding, Report } from './finding.js';

const WIDTH = 100;

/** The report for people: what is wrong first, then how much was fine. */
export function inLines({ ok, findings, checked, not_checked }: Report): string[] {
  const found = findings.flatMap((finding) => [...findingLines(finding), '']);
  const skipped = not_checked.map(({ id, why }) => `not checked  ${id}: ${why}`);
  const count = `${summary(ok, findings)} ${String(checked.length)} checks were carried out: ${checked.join(', ')}.`;
  return [...found, ...skipped, ...(skipped.length > 0 ? [''] : []), ...wrapped(count, '')];
}

function summary(ok: boolean, findings: readonly Finding[]): string {
  if (ok) return findings.length === 0 ? 'Nothing is wrong.' : 'Nothing is wrong, but look at the above.';
  const known = findings.some(({ level }) => level === 'error' || level === 'violated');
  return known ? 'Something is wrong; see above.' : 'Not everything could be looked at; see above.';
}

function findingLines({ id, level, cause, remedy }: Finding): string[] {
  return [`${level.toUpperCase()}  ${id}`, ...wrapped(cause, '  '), ...wrapped(`To do: ${remedy}`, '  ')];
}

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = indent;
    for (const word of paragraph.trim().split(/\s+/)) {
      if (line.length + word.length + 1 > WIDTH && line.trim() !== '') {
        lines.push(line.trimEnd());
        line = indent;
      }
      line += `${word} `;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}
