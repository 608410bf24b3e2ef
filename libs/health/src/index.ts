export { type DependencyCheck } from './dependency-check.js';
export { Drain } from './drain.js';
export { metricsModule } from './metrics.module.js';
export { CHECK_BOUND_MS } from './dependency-probe.js';
export { HEALTH_CAUSES, type HealthCause, Unhealthy } from './health-cause.js';
export { HEALTH_REPORT_SCHEMAS, type CheckReport, type HealthReport } from './health-report.js';
export {
  isOnOwnPort,
  type MetricsServer,
  type MetricsSettings,
  openMetricsServer,
} from './metrics-server.js';
export { tellSurroundings } from './tell-surroundings.js';
export { NotReady } from './health.controller.js';
export { HealthModule } from './health.module.js';
export { LogLevelFollower } from './log-level-follower.js';
export { type LogLevelRule, LogLevels } from './log-levels.js';
export { onConnectionFault, openDatabase } from './open-database.js';
export { Closing, failToStart } from './starting.js';
export { programChecks, type ProgramDependencies } from './program-checks.js';
export { Startup } from './startup.js';
export { onShutdown, type ShutdownFacts, type ShutdownOptions } from './on-shutdown.js';
