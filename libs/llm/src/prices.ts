import { DomainError, type Fault } from '#observability';
import type { TokenUsage } from './model.js';

/** What a million tokens cost, in micro-units of the operator's currency. */
export interface Price {
  input_micros_per_million: number;
  output_micros_per_million: number;
}

/** The price of each model that has one. */
export type Prices = Readonly<Record<string, Price>>;

export class LlmPricesInvalid extends DomainError {
  constructor(faults: readonly Fault[]) {
    const places = faults.map(({ pointer, detail }) => `${pointer || '/'} ${detail}`).join('; ');
    super('LLM_PRICES_INVALID', `The price table of SS_LLM_PRICES is refused: ${places}.`, {}, faults);
  }
}

const FIELDS = ['input_micros_per_million', 'output_micros_per_million'] as const;
const MAX_MICROS = 1e12;
const MILLION = 1_000_000n;

/** The price table in a JSON text; refuses with every fault named by its place. */
export function parsePrices(text: string): Prices {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new LlmPricesInvalid([{ pointer: '', detail: 'is no JSON' }]);
  }
  if (!isObject(json))
    throw new LlmPricesInvalid([{ pointer: '', detail: 'must be an object of prices by model' }]);
  const faults: Fault[] = [];
  for (const [model, price] of Object.entries(json)) {
    const at = `/${model.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!isObject(price)) faults.push({ pointer: at, detail: 'must be an object' });
    else faults.push(...faultsOf(price, at));
  }
  if (faults.length > 0) throw new LlmPricesInvalid(faults);
  // Every field of every price has just been checked.
  return json as unknown as Prices;
}

function faultsOf(price: Record<string, unknown>, at: string): Fault[] {
  const missing = FIELDS.filter((name) => {
    const value = price[name];
    return !(Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_MICROS);
  }).map((name) => ({ pointer: `${at}/${name}`, detail: 'must be a whole number of micro-units' }));
  const unknown = Object.keys(price)
    .filter((name) => !FIELDS.some((known) => known === name))
    .map((name) => ({ pointer: `${at}/${name}`, detail: 'is no field of a price' }));
  return [...missing, ...unknown];
}

/** What so many tokens cost, rounded up to a whole micro-unit; null when the model has no price. */
export function costMicros(
  prices: Prices,
  model: string,
  { tokensIn, tokensOut }: TokenUsage,
): number | null {
  const price = Object.hasOwn(prices, model) ? prices[model] : undefined;
  if (!price) return null;
  // Beyond what a double holds exactly: a million tokens at a high price.
  const micros =
    BigInt(tokensIn) * BigInt(price.input_micros_per_million) +
    BigInt(tokensOut) * BigInt(price.output_micros_per_million);
  return Number((micros + MILLION - 1n) / MILLION);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
