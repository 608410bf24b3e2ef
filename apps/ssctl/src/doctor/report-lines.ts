import type { Finding, Report } from './finding.js';

const WIDTH = 100;

/** The report for people: what is wrong first, then how much was fine. */
export function inLines({ ok, findings, checked, not_checked }: Report): string[] {
  const found = findings.flatMap((finding) => [...findingLines(finding), '']);
  const skipped = not_checked.map(({ id, why }) => `not checked  ${id}: ${why}`);
  const words = ok ? 'Nothing is wrong.' : 'Something is wrong; see above.';
  const count = `${words} ${String(checked.length)} checks were carried out: ${checked.join(', ')}.`;
  return [...found, ...skipped, ...(skipped.length > 0 ? [''] : []), ...wrapped(count, '')];
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
