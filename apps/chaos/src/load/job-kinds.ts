import type { Random } from '../random.js';

/** How a job may end: a status, or `failed` with a code. */
export type End = 'succeeded' | 'cancelled' | 'confirmed' | `failed ${string}`;

/** A job that the load sends. */
export interface JobKind {
  name: string;
  /** The ends that are right for it when nobody cancels it. */
  ends: readonly End[];
  /** It starts processes, which cost this machine something: the caller waits for its end. */
  isHeavy: boolean;
  plan: (random: Random) => object;
  /** Further fields of the request. */
  fields?: (random: Random) => Readonly<Record<string, unknown>>;
  /** What the caller does after it was answered. */
  then?: 'cancel' | 'run' | 'retry';
}

type Step = Readonly<Record<string, unknown>>;

const plan = (steps: readonly Step[], options: object = {}): object => ({
  plan_version: 2,
  ...options,
  steps,
});
const noop = (id: string, dependsOn: readonly string[] = []): Step => ({
  step_id: id,
  type: 'noop',
  params: {},
  ...(dependsOn.length > 0 ? { depends_on: dependsOn } : {}),
});
const command = (profile: string, ...args: readonly (string | number)[]): Step => ({
  step_id: profile,
  type: 'command',
  params: { profile, args: args.map(String) },
});
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();
const chain = (length: number): Step[] =>
  Array.from({ length }, (_, index) =>
    noop(`s${String(index)}`, index === 0 ? [] : [`s${String(index - 1)}`]),
  );
const shortChain = (random: Random): object => plan(chain(random.whole(1, 4)));
const nap = (random: Random): object => plan([command('sleep', random.whole(100, 1_500))]);

/** Every kind, by how often it comes. */
export const JOB_KINDS: readonly (readonly [weight: number, kind: JobKind])[] = [
  [40, { name: 'noop', ends: ['succeeded'], isHeavy: false, plan: shortChain }],
  [
    8,
    {
      name: 'sql',
      ends: ['succeeded'],
      isHeavy: true,
      plan: (random) =>
        plan([
          noop('first'),
          {
            step_id: 'answer',
            type: 'sql',
            params: { sql: `SELECT ${String(random.whole(1, 99))} AS n` },
            depends_on: ['first'],
          },
        ]),
    },
  ],
  [8, { name: 'sleep', ends: ['succeeded'], isHeavy: true, plan: nap }],
  [
    2,
    {
      name: 'stubborn',
      ends: ['succeeded'],
      isHeavy: true,
      plan: (r) => plan([command('stubborn', r.whole(500, 3_000))]),
    },
  ],
  [3, { name: 'children', ends: ['succeeded'], isHeavy: true, plan: () => plan([command('children')]) }],
  [2, { name: 'chatty', ends: ['succeeded'], isHeavy: true, plan: () => plan([command('chatty')]) }],
  [
    3,
    {
      name: 'writes',
      ends: ['succeeded'],
      isHeavy: true,
      plan: (r) => plan([command('writes', r.whole(1, 50_000))]),
    },
  ],
  [
    3,
    { name: 'exit', ends: ['failed COMMAND_FAILED'], isHeavy: true, plan: () => plan([command('exit', 1)]) },
  ],
  [
    2,
    { name: 'crash', ends: ['failed COMMAND_FAILED'], isHeavy: true, plan: () => plan([command('crash')]) },
  ],
  [
    3,
    {
      name: 'tried again',
      ends: ['failed COMMAND_FAILED'],
      isHeavy: true,
      plan: () =>
        plan([noop('first'), { ...command('exit', 1), depends_on: ['first'] }], {
          retry: { max_attempts: 2, backoff_base_seconds: 0, codes: ['COMMAND_FAILED'] },
        }),
    },
  ],
  [
    6,
    {
      name: 'later',
      ends: ['succeeded'],
      isHeavy: false,
      plan: shortChain,
      fields: (random) => ({ run_after: inSeconds(random.between(0.5, 3)) }),
    },
  ],
  [
    5,
    {
      name: 'expiring',
      ends: ['succeeded', 'failed JOB_EXPIRED'],
      isHeavy: false,
      plan: shortChain,
      fields: (random) => ({ expires_at: inSeconds(random.between(0.3, 2)), priority: -10 }),
    },
  ],
  [
    4,
    {
      name: 'held',
      ends: ['succeeded'],
      isHeavy: false,
      plan: shortChain,
      fields: () => ({ hold: true }),
      then: 'run',
    },
  ],
  [
    2,
    {
      name: 'held for good',
      ends: ['confirmed'],
      isHeavy: false,
      plan: shortChain,
      fields: () => ({ hold: true }),
    },
  ],
  [6, { name: 'cancelled', ends: ['succeeded'], isHeavy: false, plan: shortChain, then: 'cancel' }],
  [5, { name: 'cancelled while it runs', ends: ['succeeded'], isHeavy: true, plan: nap, then: 'cancel' }],
  [
    2,
    {
      name: 'retried',
      ends: ['failed COMMAND_FAILED'],
      isHeavy: true,
      plan: () => plan([command('exit', 3)]),
      then: 'retry',
    },
  ],
];

/** A job that does nothing, sent to see whether anything works. */
export const PROBE_PLAN = plan([noop('probe')]);

/** Plans for faults that need a job of a certain length. */
export const sleepPlan = (ms: number): object => plan([command('sleep', ms)]);
export const stubbornPlan = (ms: number): object => plan([command('stubborn', ms)]);
export const noopPlan = (length = 1): object => plan(chain(length));
