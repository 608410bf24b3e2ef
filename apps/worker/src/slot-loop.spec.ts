import { createLogger } from '#observability';
import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { SlotLoop, type SlotLoopOptions } from './slot-loop.js';

const NEVER_MS = 60_000;

/** Work that a test hands out, lets end, and looks at. */
class Work {
  readonly waiting: string[] = [];
  readonly running = new Map<string, { end: () => void; fail: (error: Error) => void }>();
  readonly ended: string[] = [];
  mostAtOnce = 0;

  take = (max: number): Promise<string[]> => Promise.resolve(this.waiting.splice(0, max));

  carryOut = async (item: string): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      this.running.set(item, { end: resolve, fail: reject });
      this.mostAtOnce = Math.max(this.mostAtOnce, this.running.size);
    }).finally(() => {
      this.running.delete(item);
      this.ended.push(item);
    });
  };
}

function loopOf(work: Work, options: Partial<SlotLoopOptions<string>> = {}): SlotLoop<string> {
  return new SlotLoop({
    name: 'test',
    slots: 2,
    pollMs: NEVER_MS,
    take: work.take,
    carryOut: work.carryOut,
    logger: createLogger({ program: 'test', level: 'silent' }),
    ...options,
  });
}

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => sleep(5);

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 3_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it did not happen: ${condition.toString()}`);
    await sleep(2);
  }
}

describe('a slot loop', () => {
  it('fills its slots, no more, and fills one again when it frees', async () => {
    const work = new Work();
    work.waiting.push('a', 'b', 'c', 'd');
    const loop = loopOf(work);
    loop.start();
    await settle();
    expect([...work.running.keys()]).toEqual(['a', 'b']);
    expect(loop.busySlots).toBe(2);
    work.running.get('b')!.end();
    await settle();
    expect([...work.running.keys()]).toEqual(['a', 'c']);
    work.running.get('a')!.end();
    work.running.get('c')!.end();
    await settle();
    expect([...work.running.keys()]).toEqual(['d']);
    work.running.get('d')!.end();
    await loop.stop();
    expect(work.mostAtOnce).toBe(2);
  });

  it('does not look while every slot is busy', async () => {
    let looks = 0;
    const work = new Work();
    work.waiting.push('a');
    const loop = loopOf(work, {
      slots: 1,
      take: (max) => {
        looks += 1;
        return work.take(max);
      },
    });
    loop.start();
    await settle();
    loop.wake();
    loop.wake();
    await settle();
    expect(looks).toBe(1);
    expect(loop.msSinceLastLook).toBe(0);
    work.running.get('a')!.end();
    await loop.stop();
  });

  it('looks when it is woken, and without that now and then', async () => {
    const work = new Work();
    const loop = loopOf(work, { pollMs: 20 });
    loop.start();
    await settle();
    work.waiting.push('polled');
    await until(() => work.running.has('polled'));
    work.running.get('polled')!.end();
    await loop.stop();

    const woken = loopOf(work);
    woken.start();
    await settle();
    work.waiting.push('woken');
    await settle();
    expect(work.running.size).toBe(0);
    woken.wake();
    await settle();
    expect(work.running.has('woken')).toBe(true);
    work.running.get('woken')!.end();
    await woken.stop();
  });

  it('does not lose a wake-up that comes while it looks', async () => {
    const work = new Work();
    let answer: (items: string[]) => void = () => undefined;
    let looks = 0;
    const loop = loopOf(work, {
      take: (max) => {
        looks += 1;
        // The first look is slow, and saw nothing of what comes after it began.
        return looks === 1 ? new Promise((resolve) => (answer = resolve)) : work.take(max);
      },
    });
    loop.start();
    await settle();
    work.waiting.push('late');
    loop.wake();
    answer([]);
    await settle();
    expect(work.running.has('late')).toBe(true);
    work.running.get('late')!.end();
    await loop.stop();
  });

  it('survives a look that fails, and looks again, soon and then more slowly', async () => {
    const work = new Work();
    work.waiting.push('a');
    const looks: number[] = [];
    const loop = loopOf(work, {
      take: (max) => {
        looks.push(performance.now());
        return looks.length < 4 ? Promise.reject(new Error('the database is away')) : work.take(max);
      },
    });
    loop.start();
    await until(() => work.running.has('a'));
    const pauses = looks.slice(1).map((at, index) => at - looks[index]!);
    expect(pauses[0]).toBeGreaterThanOrEqual(90);
    expect(pauses[2]).toBeGreaterThan(pauses[0]! * 2);
    work.running.get('a')!.end();
    await loop.stop();
  });

  it('survives work that fails: its slot is free again', async () => {
    const work = new Work();
    work.waiting.push('bad', 'good');
    const loop = loopOf(work, { slots: 1 });
    loop.start();
    await settle();
    work.running.get('bad')!.fail(new Error('no good'));
    await settle();
    expect([...work.running.keys()]).toEqual(['good']);
    work.running.get('good')!.end();
    await loop.stop();
    expect(work.ended).toEqual(['bad', 'good']);
  });

  it('stops when the work under way has ended, and takes no more', async () => {
    const work = new Work();
    work.waiting.push('a', 'b');
    const loop = loopOf(work, { slots: 1 });
    loop.start();
    await settle();
    let stopped = false;
    const stopping = loop.stop().then(() => (stopped = true));
    loop.wake();
    await settle();
    expect(stopped).toBe(false);
    work.running.get('a')!.end();
    await stopping;
    expect([work.ended, work.waiting]).toEqual([['a'], ['b']]);
  });

  it('carries out what a look still brings after stop was called', async () => {
    const work = new Work();
    let answer: (items: string[]) => void = () => undefined;
    const loop = loopOf(work, { take: () => new Promise((resolve) => (answer = resolve)) });
    loop.start();
    await settle();
    const stopping = loop.stop();
    // Claimed already: leaving it would leave its job to the sweep.
    answer(['claimed']);
    await until(() => work.running.has('claimed'));
    work.running.get('claimed')!.end();
    await stopping;
    expect(work.ended).toEqual(['claimed']);
  });
});
