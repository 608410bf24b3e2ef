import { describe, expect, it } from '@jest/globals';
import { costMicros, LlmPricesInvalid, parsePrices } from './prices.js';

const PRICES = parsePrices(
  '{"m": {"input_micros_per_million": 150000, "output_micros_per_million": 600000}, "free": {"input_micros_per_million": 0, "output_micros_per_million": 0}}',
);

describe('the price table', () => {
  it('tells what tokens cost, rounded up to a whole micro-unit', () => {
    expect(costMicros(PRICES, 'm', { tokensIn: 1_000, tokensOut: 100 })).toBe(210);
    expect(costMicros(PRICES, 'm', { tokensIn: 1, tokensOut: 0 })).toBe(1);
    expect(costMicros(PRICES, 'm', { tokensIn: 0, tokensOut: 0 })).toBe(0);
    expect(costMicros(PRICES, 'free', { tokensIn: 9, tokensOut: 9 })).toBe(0);
  });

  it('counts exactly where a double would not', () => {
    const dear = parsePrices(
      '{"m": {"input_micros_per_million": 999999999999, "output_micros_per_million": 1}}',
    );
    expect(costMicros(dear, 'm', { tokensIn: 1_000_003, tokensOut: 0 })).toBe(1_000_002_999_999);
  });

  it('knows no cost of a model without a price', () => {
    expect(costMicros(PRICES, 'toString', { tokensIn: 1, tokensOut: 1 })).toBeNull();
  });

  it.each([
    ['{', ['']],
    ['[]', ['']],
    ['{"a/b": 1}', ['/a~1b']],
    ['{"m": {}}', ['/m/input_micros_per_million', '/m/output_micros_per_million']],
    [
      '{"m": {"input_micros_per_million": 0.15, "output_micros_per_million": -1, "x": 1}}',
      ['/m/input_micros_per_million', '/m/output_micros_per_million', '/m/x'],
    ],
  ])('refuses %s, naming each place', (text, places) => {
    let refusal: unknown;
    try {
      parsePrices(text);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(LlmPricesInvalid);
    expect((refusal as LlmPricesInvalid).errors.map(({ pointer }) => pointer)).toEqual(places);
  });
});
