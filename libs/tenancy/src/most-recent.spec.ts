import { describe, expect, it } from '@jest/globals';
import { MostRecent } from './most-recent.js';

describe('what was used last', () => {
  it('is remembered, and never more of it than so many', () => {
    const memory = new MostRecent<number>(3);
    for (let n = 0; n < 1_000; n++) memory.use(`key ${String(n)}`, n);
    expect(memory.size).toBe(3);
    expect([996, 997, 998, 999].map((n) => memory.get(`key ${String(n)}`))).toEqual([
      ...[undefined, 997, 998, 999],
    ]);
  });

  it('is what is used again, and not what came first', () => {
    const memory = new MostRecent<string>(2);
    memory.use('a', 'first');
    memory.use('b', 'second');
    memory.use('a', 'again');
    memory.use('c', 'third');
    expect([memory.get('a'), memory.get('b'), memory.get('c')]).toEqual(['again', undefined, 'third']);
  });

  it('can be forgotten', () => {
    const memory = new MostRecent<string>(2);
    memory.use('a', 'first');
    memory.forget('a');
    expect([memory.get('a'), memory.size]).toEqual([undefined, 0]);
  });
});
