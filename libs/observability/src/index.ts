export { DomainError, type Fault, isDomainError } from './domain-error.js';
export { ERROR_CODES, type ErrorCode, isErrorCode } from './error-codes.js';
export { FrameworkLogger } from './framework-logger.js';
export { createLogger, type Logger, loggerOptions, type LoggerSettings } from './logger.js';
export { metrics } from './metrics.js';
export { release } from './release.js';
export { newTraceId, traceIdOf } from './trace-context.js';
