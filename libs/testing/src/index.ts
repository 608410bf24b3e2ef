export { AuditorSession } from './auditor.js';
export { anAuditMonth, auditRowsAt, monthsAgo } from './audit-months.js';
export { eventually } from './eventually.js';
export { faultsOf } from './export-schemas.js';
export { type Fate, FaultProxy, type StatementHandler, type Weather } from './fault-proxy.js';
export { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.js';
export { type PgBouncer, pgBouncerProgram, startPgBouncer } from './pgbouncer.js';
export { FastClock } from './fast-clock.js';
export { HeardLog } from './heard-log.js';
export { codesIn, logCallsIn, sources } from './log-calls.js';
export { S3Server } from './s3-server.js';
export { rejectionsOf } from './rejections.js';
export {
  aDataset,
  aDraft,
  aJob,
  aKey,
  anArtifact,
  anAuditEvent,
  aPlan,
  aRun,
  aTenant,
  auditOf,
  type AuditRow,
  type KeyRow,
  messagesOf,
  NOOP_PLAN,
  type RunRow,
  timePasses,
} from './rows.js';
export { type Refusal, type Role, Session } from './session.js';
export { emptyDatabase, TestDatabase, testDatabase } from './test-database.js';
export { JobPrograms, LEASE_MS, MAX_LOST_RUNS } from './job-programs.js';
export { type Answer, Client, type Upload } from './programs/client.js';
export { Deployment, type MadeKey } from './programs/deployment.js';
export { EventReader, type ReadEvent } from './programs/event-reader.js';
export { descendantsOf, survivorsOf } from './programs/living-processes.js';
export { type LogLine, Program } from './programs/program.js';
export {
  Prometheus,
  type PrometheusAlert,
  type PrometheusSample,
  prometheusProgram,
  promtool,
} from './programs/prometheus.js';
export { breakOff, rawRequest } from './programs/raw-request.js';
export { type Problem } from './programs/problem.js';
export { lifecycleCommands } from './lifecycle-model/commands.js';
export { Real } from './lifecycle-model/real.js';
export { everyOrder, type Work } from './interleavings/every-order.js';
export { SessionUnderTest } from './interleavings/session-under-test.js';
