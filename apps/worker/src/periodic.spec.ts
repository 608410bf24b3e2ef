import { describe, expect, it } from '@jest/globals';
import { createLogger } from '#observability';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '#testing';
import { Periodic } from './periodic.js';

const logger = createLogger({ program: 'worker', level: 'silent' });

describe('Periodic', () => {
  it('goes on after a turn that failed', async () => {
    let turns = 0;
    const work = (): Promise<void> => {
      turns += 1;
      return Promise.reject(new Error('no'));
    };
    const periodic = new Periodic({ name: 'x', everyMs: 5, work, logger });
    periodic.start();
    await eventually(() => turns >= 3);
    await periodic.stop();
  });

  it('takes one turn at a time, and stop waits for it', async () => {
    let under_way = 0;
    let most = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      under_way += 1;
      most = Math.max(most, under_way);
      await sleep(30);
      under_way -= 1;
      done += 1;
    };
    const periodic = new Periodic({ name: 'x', everyMs: 2, work, logger });
    periodic.start();
    await eventually(() => done >= 2);
    await eventually(() => under_way === 1);
    const before = done;
    await periodic.stop();
    expect([most, under_way, done]).toEqual([1, 0, before + 1]);
    await sleep(40);
    expect(done).toBe(before + 1);
  });
});
