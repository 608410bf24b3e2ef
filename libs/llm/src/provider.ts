import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
} from 'cockatiel';
import type { CallPolicy } from './call-policy.js';
import type { Model } from './model.js';
import type { ModelFault } from './model-fault.js';

/** An attempt that went out and failed. Its row is closed. */
export class FailedAttempt extends Error {
  constructor(
    readonly fault: ModelFault,
    readonly callId: string,
    readonly attempt: number,
    readonly timeoutMs: number,
  ) {
    super(fault.message, { cause: fault });
    this.name = 'FailedAttempt';
  }
}

/** The provider is being left alone: nothing went out. */
export class ProviderPassedOver extends Error {
  constructor() {
    super('the provider failed too often and is being left alone');
    this.name = 'ProviderPassedOver';
  }
}

export type BreakerState = 'closed' | 'open' | 'half_open';

/** A model behind its circuit breaker. */
export class Provider {
  private readonly breaker: CircuitBreakerPolicy;

  constructor(
    readonly model: Model,
    policy: Pick<CallPolicy, 'breakerFailures' | 'breakerOpenMs'>,
    onState: (provider: Provider) => void,
  ) {
    const isDown = (error: unknown): boolean => error instanceof FailedAttempt && error.fault.isProviderDown;
    this.breaker = circuitBreaker(handleWhen(isDown), {
      breaker: new ConsecutiveBreaker(policy.breakerFailures),
      halfOpenAfter: policy.breakerOpenMs,
    });
    this.breaker.onStateChange(() => {
      onState(this);
    });
  }

  get state(): BreakerState {
    if (this.breaker.state === CircuitState.Closed) return 'closed';
    return this.breaker.state === CircuitState.HalfOpen ? 'half_open' : 'open';
  }

  /** Makes an attempt, unless the breaker is open; then throws `ProviderPassedOver`. */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    // Half open means that somebody is trying just now. The breaker would make us wait for how that ends, deaf to
    // every signal; nobody should hold a slot for that.
    if (this.state === 'half_open') throw new ProviderPassedOver();
    try {
      return await this.breaker.execute(attempt);
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw new ProviderPassedOver();
      throw error;
    }
  }
}
