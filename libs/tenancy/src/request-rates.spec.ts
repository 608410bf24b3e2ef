import { beforeEach, describe, expect, it } from '@jest/globals';
import { RequestRates } from './request-rates.js';

let now: number;
let reads: string[];
let limits: Record<string, number | null>;
let answer: () => Promise<void>;
let rates: RequestRates;

beforeEach(() => {
  now = 5_000;
  reads = [];
  limits = { ten: 10, two: 2, free: null };
  answer = () => Promise.resolve();
  rates = new RequestRates(
    async (tenantId) => {
      reads.push(tenantId);
      await answer();
      return limits[tenantId] ?? null;
    },
    { now: () => now, maxTenants: 3 },
  );
});

/** How many of so many requests are let through. */
async function through(tenantId: string, requests = 100): Promise<number> {
  const allowances = await Promise.all(Array.from({ length: requests }, () => rates.take(tenantId)));
  return allowances.filter((allowance) => !allowance?.isExceeded).length;
}

describe('the rate of a tenant’s requests', () => {
  it('is its limit, each tenant’s its own, and one look at the table does for all who come at once', async () => {
    expect(await Promise.all([through('ten'), through('two'), through('free')])).toEqual([10, 2, 100]);
    expect(reads.sort()).toEqual(['free', 'ten', 'two']);
    now += 500;
    expect([await through('ten'), await through('two')]).toEqual([5, 1]);
  });

  it('tells what is left', async () => {
    expect(await rates.take('two')).toEqual({ limit: 2, remaining: 1, isExceeded: false });
    expect(await rates.take('two')).toEqual({ limit: 2, remaining: 0, isExceeded: false });
    expect(await rates.take('two')).toEqual({ limit: 2, remaining: 0, isExceeded: true });
    expect(await rates.take('free')).toBeNull();
  });

  it('is not known without a look at the table, nor later than a second after it', async () => {
    expect(rates.tryTake('ten')).toBeUndefined();
    await rates.take('ten');
    now += 1_000;
    expect(rates.tryTake('ten')).toMatchObject({ limit: 10 });
    now += 1_001;
    expect(rates.tryTake('ten')).toBeUndefined();
  });

  it('is looked up again beside the requests, which need not wait for it', async () => {
    await rates.take('ten');
    limits['ten'] = 3;
    now += 501;
    expect(rates.tryTake('ten')).toMatchObject({ limit: 10 });
    expect(reads).toEqual(['ten', 'ten']);
    await new Promise(setImmediate);
    expect(rates.tryTake('ten')).toMatchObject({ limit: 3, remaining: 2 });
  });

  it('begins and ends with the limit', async () => {
    expect(await through('free')).toBe(100);
    limits = { free: 5, ten: null };
    await rates.take('ten');
    now += 1_001;
    expect(await through('free')).toBe(5);
    limits = {};
    now += 1_001;
    expect(await through('free')).toBe(100);
  });

  it('goes on as it was known while the table cannot be read, for as long as that counts', async () => {
    await rates.take('two');
    answer = () => Promise.reject(new Error('away'));
    now += 600;
    expect(rates.tryTake('two')).toMatchObject({ isExceeded: false });
    await new Promise(setImmediate);
    expect(rates.tryTake('two')).toMatchObject({ limit: 2 });
    now += 600;
    await expect(rates.take('two')).rejects.toThrow('away');
    answer = () => Promise.resolve();
    expect(await rates.take('two')).toMatchObject({ limit: 2 });
  });

  it('takes a token back that was taken in vain', async () => {
    expect(await through('two')).toBe(2);
    rates.giveBack('two');
    rates.giveBack('unheard of');
    expect(await through('two')).toBe(1);
  });

  it('is remembered of so many tenants alone, those who came last', async () => {
    expect(await through('two')).toBe(2);
    for (const tenantId of ['a', 'b', 'two', 'c', 'd']) await rates.take(tenantId);
    expect(rates.size).toBe(3);
    expect(await through('two')).toBe(0);
    for (let n = 0; n < 1_000; n++) await rates.take(`tenant-${String(n)}`);
    expect(rates.size).toBe(3);
  });
});
