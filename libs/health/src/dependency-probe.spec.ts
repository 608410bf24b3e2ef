import { eventually } from '#testing';
import { describe, expect, it } from '@jest/globals';
import { DependencyProbe, type Finding } from './dependency-probe.js';
import { Unhealthy } from './health-cause.js';

const BOUND_MS = 200;
const CACHE_MS = 100;

/** A dependency whose answers the test gives. */
function held(): { looks: PromiseWithResolvers<undefined>[]; probe: DependencyProbe; found: Finding[] } {
  const looks: PromiseWithResolvers<undefined>[] = [];
  const found: Finding[] = [];
  const check = async (): Promise<void> => {
    const look = Promise.withResolvers<undefined>();
    looks.push(look);
    await look.promise;
  };
  const probe = new DependencyProbe(
    { name: 'held', check },
    (_name, finding) => found.push(finding),
    BOUND_MS,
    CACHE_MS,
  );
  return { looks, probe, found };
}

describe('the probe of a dependency', () => {
  it('looks once for all who ask at once, and for those who ask soon after', async () => {
    const { looks, probe, found } = held();
    const asking = Array.from({ length: 1_000 }, () => probe.ask());
    expect(looks).toHaveLength(1);
    looks[0]!.resolve(undefined);
    const answers = new Set(await Promise.all([...asking, probe.ask()]));
    expect([looks.length, answers.size, found.length]).toEqual([1, 1, 1]);
    expect([...answers][0]).toMatchObject({ cause: null, message: null });
  });

  it('looks again when what it found is old, and finds what is true then', async () => {
    const { looks, probe } = held();
    const first = probe.ask();
    looks[0]!.reject(new Unhealthy('missing', 'it is not there'));
    expect(await first).toMatchObject({ cause: 'missing', message: 'it is not there' });
    await eventually(() => {
      void probe.ask();
      return looks.length === 2;
    }, 2_000);
    looks[1]!.resolve(undefined);
    expect(await probe.ask()).toMatchObject({ cause: null });
  });

  it('answers within its bound when a look hangs, and begins no second one beside it', async () => {
    const { looks, probe } = held();
    const begun = performance.now();
    expect(await probe.ask()).toMatchObject({ cause: 'timed_out', message: `no answer within 200 ms` });
    expect(performance.now() - begun).toBeLessThan(BOUND_MS + 500);
    const again = performance.now();
    for (let n = 0; n < 1_000; n += 1) await probe.ask();
    expect(performance.now() - again).toBeLessThan(BOUND_MS);
    expect(looks).toHaveLength(1);
    // What it finds so late is not told; the next look is.
    looks[0]!.resolve(undefined);
    await eventually(() => {
      void probe.ask();
      return looks.length === 2;
    }, 2_000);
    looks[1]!.resolve(undefined);
    expect(await probe.ask()).toMatchObject({ cause: null });
  });

  it('takes a check that throws at once for one that fails', async () => {
    const probe = new DependencyProbe({
      name: 'broken',
      check: () => {
        throw new Error('CANARY');
      },
    });
    expect(await probe.ask()).toMatchObject({
      cause: 'failed',
      message: expect.not.stringContaining('CANARY'),
    });
  });
});
