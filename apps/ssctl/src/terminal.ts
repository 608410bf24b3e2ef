/** Says something to the person at the terminal. Standard error: standard output is for what was asked. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Answers: one JSON document with `--json`, else lines for people. */
export function answer(json: boolean, document: unknown, lines: () => readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(document)}\n` : `${lines().join('\n')}\n`);
}

/** Rows under their headings, in columns. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
