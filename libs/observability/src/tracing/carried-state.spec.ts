import { describe, expect, it } from '@jest/globals';
import { CarriedState } from './carried-state.js';

const CAME = 'one=1, two=a=b,';

describe('what tracing systems told each other', () => {
  it('goes on as it came', () => {
    expect(new CarriedState(CAME).serialize()).toBe(CAME);
  });

  it('answers each by its own entry', () => {
    const state = new CarriedState(CAME);
    expect([state.get('one'), state.get('two'), state.get('t')]).toEqual(['1', 'a=b', undefined]);
  });

  it('takes a new entry first, in the place of an older one of the same name', () => {
    expect(new CarriedState(CAME).set('two', '2').serialize()).toBe('two=2,one=1');
  });

  it('forgets an entry, and leaves the one that it came from alone', () => {
    const state = new CarriedState(CAME);
    expect(state.unset('one').serialize()).toBe('two=a=b');
    expect(state.serialize()).toBe(CAME);
  });

  it('holds no more entries than systems must carry', () => {
    const full = Array.from({ length: 32 }, (_, n) => `k${String(n)}=v`).join(',');
    const state = new CarriedState(full).set('new', 'v');
    expect([state.get('new'), state.get('k30'), state.get('k31')]).toEqual(['v', 'v', undefined]);
  });
});
