import type { TraceState } from '@opentelemetry/api';

const MAX_ENTRIES = 32;

/**
 * What tracing systems told each other (`tracestate`), as OpenTelemetry wants to be told of it. It goes on as it came,
 * character by character; a sampler that adds its own entry puts it first, as the standard asks.
 */
export class CarriedState implements TraceState {
  constructor(private readonly text: string) {}

  get(key: string): string | undefined {
    const found = this.entries().find((entry) => keyOf(entry) === key);
    return found?.slice(key.length + 1);
  }

  set(key: string, value: string): CarriedState {
    const entries = [`${key}=${value}`, ...this.without(key)];
    return new CarriedState(entries.slice(0, MAX_ENTRIES).join(','));
  }

  unset(key: string): CarriedState {
    return new CarriedState(this.without(key).join(','));
  }

  serialize(): string {
    return this.text;
  }

  private without(key: string): string[] {
    return this.entries().filter((entry) => keyOf(entry) !== key);
  }

  private entries(): string[] {
    return this.text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }
}

function keyOf(entry: string): string {
  return entry.split('=', 1)[0] ?? '';
}
