import { Counter, Gauge } from 'prom-client';
import { BOTH } from './registries.js';

/** What every program tells of its own surroundings. */
export const processMetrics = {
  buildInfo: new Gauge({
    name: 'ss_build_info',
    help: 'Which release of which program this is; always 1.',
    labelNames: ['program', 'version'] as const,
    registers: BOTH,
  }),
  /** state: in_use, idle. */
  poolConnections: new Gauge({
    name: 'ss_database_pool_connections',
    help: 'Connections of this program to the database.',
    labelNames: ['state'] as const,
    registers: BOTH,
  }),
  poolWaiting: new Gauge({
    name: 'ss_database_pool_waiting',
    help: 'Transactions of this program that wait for a connection.',
    registers: BOTH,
  }),
  /** cause: as `faults.ts` of the database calls it. */
  refusedWrites: new Counter({
    name: 'ss_database_refused_writes_total',
    help: 'Writes that the database refused for want of room or because it is read-only.',
    labelNames: ['cause'] as const,
    registers: BOTH,
  }),
  diskFree: new Gauge({
    name: 'ss_artifacts_free_bytes',
    help: 'Room that is left on the disk of the artifact store.',
    registers: BOTH,
  }),
  diskSize: new Gauge({
    name: 'ss_artifacts_disk_bytes',
    help: 'Size of the disk of the artifact store.',
    registers: BOTH,
  }),
};
