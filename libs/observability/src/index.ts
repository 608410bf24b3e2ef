export { DomainError, type Fault, isDomainError } from './domain-error.js';
export { ERROR_CODES, type ErrorCode, isErrorCode } from './error-codes.js';
export { type EventCode, EVENTS, faultsOfLine, renderEvents } from './events/events.js';
export { FrameworkLogger } from './framework-logger.js';
export { isLogLevel, LOG_LEVELS, type LogLevel, LogThreshold } from './log-threshold.js';
export { createLogger, type Logger, loggerOptions, type LoggerSettings } from './logger.js';
export { metrics } from './metrics.js';
export { type LogLook, logLookOf } from './pretty-line.js';
export { redact, redactJson } from './redact.js';
export { type MetricsProgram } from './metrics/registries.js';
export { OTHER_TENANTS, systemMetrics, TOLD_TENANTS } from './metrics/system-metrics.js';
export { MetricsPage, onScrape, speakForSystem } from './metrics-page.js';
export { release } from './release.js';
export {
  isTraceId,
  newSpanId,
  newTraceId,
  parseTraceContext,
  toTraceparent,
  type TraceContext,
} from './trace-context.js';
export { messagingAttributes, modelCallAttributes, modelUsageAttributes } from './tracing/attributes.js';
export { type CarriedTrace, carryOn, continuing, continuingHere } from './tracing/carried-trace.js';
export {
  annotate,
  isRecording,
  markFailed,
  NO_SPAN,
  openSpan,
  type OpenSpan,
  openTrace,
  span,
  type SpanAttributes,
  type SpanOptions,
  traceVariables,
} from './tracing/spans.js';
export { startTracing, type Tracing } from './tracing/start-tracing.js';
export { LEGACY_TRACING } from './tracing/tracing-environment.js';
