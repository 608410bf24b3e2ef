import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The real data that the stories run on. */
export const PENGUINS_CSV = readFileSync(join(import.meta.dirname, '../../../examples/penguins.csv'), 'utf8');

export type Row = Readonly<Record<string, string>>;

/** Plain CSV, as this file is: no quotes. */
export function rowsOf(csv: string): Row[] {
  const [head = '', ...lines] = csv.trimEnd().split('\n');
  const names = head.trim().split(',');
  return lines.map((line) => {
    const cells = line.trim().split(',');
    return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
  });
}

/** The figures that a job has to come to: mean body mass and number of birds a species, from the file itself. */
export function massBySpecies(): Map<string, { mean: number; count: number }> {
  const figures = new Map<string, { mean: number; count: number }>();
  for (const species of new Set(rowsOf(PENGUINS_CSV).map((row) => row['species'] ?? ''))) {
    const birds = rowsOf(PENGUINS_CSV).filter((row) => row['species'] === species);
    const masses = birds
      .map((row) => row['body_mass_g'] ?? '')
      .filter((text) => text !== '')
      .map(Number);
    const mean = masses.reduce((sum, mass) => sum + mass, 0) / masses.length;
    figures.set(species, { mean, count: birds.length });
  }
  return figures;
}
