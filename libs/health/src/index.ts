export { type DependencyCheck } from './dependency-check.js';
export { Drain } from './drain.js';
export { metricsModule } from './metrics.module.js';
export { NotReady } from './health.controller.js';
export { HealthModule } from './health.module.js';
export { onConnectionFault, openDatabase } from './open-database.js';
export { Closing, failToStart } from './starting.js';
export { onShutdown, type ShutdownFacts, type ShutdownOptions } from './on-shutdown.js';
