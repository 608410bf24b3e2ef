import type { Fault } from '../fault.js';
import { killAtSettle, killWithDefaults, killWorkers } from './kills.js';
import { crashServer, killBackends, restartServer } from './server-faults.js';

/** Every fault, in the order of the list. */
export const FAULTS: readonly Fault[] = [
  killWorkers,
  killWithDefaults,
  killAtSettle,
  crashServer,
  restartServer,
  killBackends,
];
