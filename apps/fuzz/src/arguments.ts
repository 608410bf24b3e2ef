import { parseArgs } from 'node:util';

export interface Arguments {
  requests: number;
  seed: number;
  minutes: number;
  /** Where the report goes as JSON. */
  json: string | null;
  /** Words that the operation ids begin with; null: all. */
  only: string | null;
}

export const USAGE = `usage: npm run fuzz -- [options]

  --requests N   how many requests to send (20000)
  --seed N       what chance is drawn from (the time of day); the report names it
  --minutes N    stop then, however many were sent (30)
  --only WORD    only operations whose id begins so
  --short        1000 requests in at most a minute: what npm test runs
  --json FILE    the report as JSON
`;

const SHORT = { requests: 1_000, minutes: 1 };

/** Reads the command line; throws with what is wrong about it. */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '20000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      minutes: { type: 'string', default: '30' },
      only: { type: 'string' },
      json: { type: 'string' },
      short: { type: 'boolean', default: false },
    },
  });
  const whole = (name: 'requests' | 'seed', most: number): number => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 0 || number > most)
      throw new Error(`--${name} must be a whole number from 0 to ${String(most)}`);
    return number;
  };
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 600)) throw new Error('--minutes must be a number from 0 to 600');
  return {
    requests: whole('requests', 10_000_000),
    seed: whole('seed', 2 ** 31 - 1),
    minutes,
    ...(values.short ? SHORT : {}),
    only: values.only ?? null,
    json: values.json ?? null,
  };
}
