import { parseArgs } from 'node:util';

export interface Arguments {
  minutes: number;
  seed: string;
  /** Numbers of faults; null: all. */
  faults: readonly number[] | null;
  /** Where the report goes as JSON. */
  json: string | null;
  /** The Markdown file whose section between the markers is written anew. */
  report: string | null;
  /** Leaves the folder, with logs and calls, when all is over. */
  keeps: boolean;
  /** The chosen few faults, briefly: what `npm test` runs. */
  isShort: boolean;
}

export const USAGE = `usage: npm run chaos -- [options]

  --minutes N       how long to go on (20); every fault is done once if there is time, then again
  --seed S          what chance is drawn from (the time of day); the report names it
  --faults 1,6,9    only these
  --short           the chosen few, briefly: what npm test runs
  --json FILE       the report as JSON
  --report FILE.md  the report as Markdown, between its markers
  --keep            leave the folder with logs and calls
`;

/** Reads the command line; throws with what is wrong about it. */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      faults: { type: 'string' },
      json: { type: 'string' },
      report: { type: 'string' },
      keep: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 600)) throw new Error('--minutes must be a number from 0 to 600');
  const faults = values.faults?.split(',').map(Number) ?? null;
  if (faults?.some((number) => !Number.isInteger(number)))
    throw new Error('--faults must be numbers, by commas');
  return {
    minutes,
    seed: values.seed,
    faults,
    json: values.json ?? null,
    report: values.report ?? null,
    keeps: values.keep,
    isShort: values.short,
  };
}
