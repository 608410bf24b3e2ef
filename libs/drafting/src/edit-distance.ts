/** How many slips of the pen may lie between a name and what was written, by the name's length. */
export function slipsAllowed(name: string): number {
  if (name.length < 5) return 0;
  return name.length < 8 ? 1 : 2;
}

/**
 * Whether `written` is `name` with a slip or two: letters left out, added, replaced, or swapped with a neighbour. The
 * first letter and every digit must be right, because q1_sales and q2_sales are two columns and no typo.
 */
export function isSlipOf(written: string, name: string): boolean {
  const allowed = slipsAllowed(name);
  if (allowed === 0 || Math.abs(written.length - name.length) > allowed) return false;
  if (!written.startsWith(name.charAt(0)) || digitsOf(written) !== digitsOf(name)) return false;
  return editDistance(written, name) <= allowed;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, each for one. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        cell(last, column) + 1,
        cell(current, column - 1) + 1,
        cell(last, column - 1) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, cell(before, column - 2) + 1);
      current.push(cost);
    }
    before = last;
    last = current;
  }
  return cell(last, b.length);
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

function digitsOf(text: string): string {
  return text.replaceAll(/\D/g, '');
}
