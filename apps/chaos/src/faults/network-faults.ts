import type { FaultProxy, Weather } from '#testing';
import type { Fault } from '../fault.js';
import { USUAL_LOAD } from '../load/load.js';
import type { Trial } from '../trial.js';

/** For how long, in seconds, and what the network does meanwhile. */
const WEATHERS: readonly (readonly [name: string, seconds: number, weather: Weather])[] = [
  ['200 ms slower', 6, { delayMs: 200 }],
  ['1 byte a second', 5, { bytesPerSecond: 1 }],
  ['half open', 14, { isSilent: true }],
  ['refusing', 4, { refuses: true }],
  ['cut in the middle of an answer', 5, { cutAfterBytes: 900 }],
];

export const badNetwork: Fault = {
  number: 9,
  name: 'a bad network to the database',
  does:
    'connections are dropped, reset, slowed by 200 ms, throttled to 1 byte/s, half open (accepted, never answered), refused, ' +
    'and cut within an answer, at all programs and at single ones, under load',
  holds: 'every wait is bounded; no program ends; no connection stays behind in a transaction',
  recovery: 'from the moment the network is fine until a job sent then is done',
  recoveryLimitMs: 15_000,
  load: USUAL_LOAD,
  limitSeconds: 240,
  isInShortForm: false,
  conduct: async (trial) => {
    for (const [name, harm] of [
      [
        'dropped',
        (network: FaultProxy): void => {
          network.drop();
        },
      ],
      [
        'reset',
        (network: FaultProxy): void => {
          network.reset();
        },
      ],
    ] as const) {
      for (let round = 0; round < trial.times(5); round += 1) {
        for (const network of someOf(trial)) harm(network);
        trial.count(name);
        await trial.pause(300, 800);
      }
      await trial.recovers();
    }
    for (const [name, seconds, weather] of WEATHERS) {
      const networks = someOf(trial);
      for (const network of networks) network.weather(weather);
      await trial.pause(seconds * 1_000);
      for (const network of networks) network.weather({});
      trial.count(name);
      await trial.recovers();
    }
  },
};

/** All of them, or one. */
function someOf(trial: Trial): readonly FaultProxy[] {
  const { networks } = trial.deployment;
  return trial.random.chance(0.5) ? networks : [trial.random.pick(networks)];
}

export const lostCommits: Fault = {
  number: 10,
  name: 'answers to COMMIT are lost',
  does: 'of the COMMITs of every program 1 in 12 is carried out and its answer lost, 1 in 25 cut off before it arrives, under load',
  holds:
    'a repeated call with the same Idempotency-Key finds the same job; nothing happens twice; settlements are read back',
  recovery: 'from the last lost answer until a job sent then is done',
  recoveryLimitMs: 10_000,
  load: USUAL_LOAD,
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    const stops = trial.deployment.networks.map((network) =>
      network.onStatement(/^COMMIT/i, () => {
        const chance = trial.random.next();
        if (chance > 1 / 12 + 1 / 25) return 'pass';
        const fate = chance < 1 / 12 ? 'lose reply' : 'cut';
        trial.count(fate === 'cut' ? 'COMMITs cut off' : 'answers to COMMIT lost');
        return fate;
      }),
    );
    await trial.pause(trial.ms(40));
    for (const stop of stops) stop();
    await trial.recovers();
  },
};
