import type { Fault } from '../fault.js';
import { poisonJobs, stampede } from './heavy-load.js';
import { badData, foreignRows } from './hostile.js';
import { killAtSettle, killWithDefaults, killWorkers } from './kills.js';
import { heldLocks } from './locks.js';
import { badNetwork, lostCommits } from './network-faults.js';
import { diskFull, pooled } from './own-places.js';
import { drain, freezeWorker, rollingRestart } from './pauses.js';
import { duplicateMessages, queueAndRowsDisagree } from './queue-faults.js';
import { cancelRaces, repeatedSubmits, staleEdits, storms } from './races.js';
import { crashServer, killBackends, restartServer } from './server-faults.js';

/** Every fault, in the order of the list. */
export const FAULTS: readonly Fault[] = [
  killWorkers,
  killWithDefaults,
  killAtSettle,
  freezeWorker,
  drain,
  rollingRestart,
  crashServer,
  restartServer,
  killBackends,
  badNetwork,
  lostCommits,
  heldLocks,
  storms,
  staleEdits,
  repeatedSubmits,
  duplicateMessages,
  queueAndRowsDisagree,
  diskFull,
  poisonJobs,
  badData,
  stampede,
  pooled,
  foreignRows,
  cancelRaces,
];
