import { afterEach, expect, it } from '@jest/globals';
import type { ReconcileRound } from '#jobs';
import { createLogger } from '#observability';
import { eventually } from '#testing';
import { Reconciler } from './reconciler.js';

const logger = createLogger({ program: 'test', level: 'silent' });
const NOTHING: ReconcileRound = { repairs: [], complete: true };

let reconciler: Reconciler | null = null;
afterEach(() => reconciler?.stop());

function every(ms: number, round: () => Promise<ReconcileRound>, firstMs?: number): void {
  reconciler = new Reconciler({ round }, { everyMs: ms }, logger);
  reconciler.start(firstMs);
}

it('goes on after a round that failed', async () => {
  let rounds = 0;
  every(5, () => {
    rounds++;
    return rounds % 2 === 1 ? Promise.reject(new Error('the database is away')) : Promise.resolve(NOTHING);
  });
  await eventually(() => rounds >= 4);
});

it('comes again soon when a round could not mend everything', async () => {
  let rounds = 0;
  const partly = (): Promise<ReconcileRound> => {
    rounds++;
    return Promise.resolve({ repairs: [], complete: false });
  };
  every(60_000, partly, 0);
  await eventually(() => rounds >= 2);
});

it('stops when the round under way has ended, and begins no other', async () => {
  let rounds = 0;
  let finish = (): void => undefined;
  every(1, () => {
    rounds++;
    return new Promise((resolve) => {
      finish = (): void => {
        resolve(NOTHING);
      };
    });
  });
  await eventually(() => rounds === 1);
  let stopped = false;
  const stopping = reconciler!.stop().then(() => {
    stopped = true;
  });
  await Promise.resolve();
  expect(stopped).toBe(false);
  finish();
  await stopping;
  expect(rounds).toBe(1);
});
