import type { CallEvents } from './call-events.js';
import type { CallLedger } from './call-ledger.js';
import type { CallPolicy } from './call-policy.js';
import type { Clock } from './clock.js';
import type { LateAnswers } from './late-answers.js';
import type { Prices } from './prices.js';
import type { Provider } from './provider.js';

/** What a conversation needs of the process that it runs in. */
export interface CallParts {
  ledger: CallLedger;
  providers: readonly Provider[];
  policy: CallPolicy;
  prices: Prices;
  clock: Clock;
  events: CallEvents;
  late: LateAnswers;
}
