/** Leaves room for `_chart` and a number behind it, within the 64 characters of a step id. */
const MAX_LENGTH = 48;

/** Gives out step ids: each is a table and a file, so none twice and none that is a dataset's, whatever the case. */
export class StepIds {
  private readonly taken: Set<string>;

  constructor(datasetKeys: readonly string[]) {
    this.taken = new Set(datasetKeys.map((key) => key.toLowerCase()));
  }

  /** An id as near to the wanted one as letters, digits and underscores come; both of a pair are free. */
  take(wanted: string): { table: string; chart: string } {
    const base = asIdentifier(wanted);
    let table = base;
    for (let n = 2; this.taken.has(table) || this.taken.has(`${table}_chart`); n += 1) table = `${base}_${n}`;
    const chart = `${table}_chart`;
    this.taken.add(table).add(chart);
    return { table, chart };
  }
}

function asIdentifier(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, MAX_LENGTH)
    .replaceAll(/^_+|_+$/g, '');
  return /^[a-z]/.test(plain) ? plain : `table_${plain}`.replace(/_$/, '');
}
