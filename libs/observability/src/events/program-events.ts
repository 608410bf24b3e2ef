import { type EventKind, told } from './event.js';

const LEAVING = ['signal', 'bound_ms'] as const;

/** Start and end, said by both programs with the same words. */
export const PROGRAM_EVENTS = {
  SS_API_STARTUP: told('info', 'The API answers.', 'url', 'metrics_url'),
  SS_API_STARTUP_FAILED: told('fatal', 'The API could not start; its exit code is 1.', 'code', 'err'),
  SS_API_SHUTDOWN_REQUESTED: told(
    'info',
    'The API was asked to leave; readiness fails from now on.',
    ...LEAVING,
    'in_flight',
    'delay_ms',
    'grace_ms',
  ),
  SS_API_SHUTDOWN_DRAINING: told(
    'info',
    'New work is refused; answering what is in flight.',
    'in_flight',
    'grace_ms',
  ),
  SS_API_SHUTDOWN_HURRIED: told('info', 'Asked a second time: what is in flight is cut.', 'signal'),
  SS_API_SHUTDOWN_COMPLETE: told(
    ['info', 'warn'],
    'The API is closed; WARN: requests were cut.',
    ...(['signal', 'duration_ms', 'in_flight', 'answered', 'abandoned', 'refused', 'cut'] as const),
  ),
  SS_API_SHUTDOWN_TIMED_OUT: told(
    'error',
    'Not everything was closed in time; the exit code is 1.',
    'bound_ms',
  ),
  SS_API_SHUTDOWN_FAILED: told('error', 'Closing failed; the exit code is 1.', 'err'),
  SS_WORKER_STARTUP: told('info', 'The worker looks for work.', 'url', 'metrics_url', 'build'),
  SS_WORKER_STARTUP_FAILED: told('fatal', 'The worker could not start; its exit code is 1.', 'code', 'err'),
  SS_WORKER_SHUTDOWN_REQUESTED: told(
    'info',
    'The worker was asked to leave; readiness fails from now on.',
    ...LEAVING,
  ),
  SS_WORKER_SHUTDOWN_DRAINING: told(
    'info',
    'Nothing more is claimed; what runs may end.',
    'runs',
    'grace_ms',
  ),
  SS_WORKER_SHUTDOWN_HURRIED: told('info', 'Asked a second time: what runs is ended.', 'signal'),
  SS_WORKER_SHUTDOWN_COMPLETE: told(
    ['info', 'warn'],
    'The worker is closed; WARN: something had to be cut.',
    ...(['signal', 'duration_ms', 'runs', 'ended', 'interrupted'] as const),
  ),
  SS_WORKER_SHUTDOWN_TIMED_OUT: told(
    'error',
    'Not everything was closed in time; the exit code is 1.',
    'bound_ms',
  ),
  SS_WORKER_SHUTDOWN_FAILED: told('error', 'Closing failed; the exit code is 1.', 'err'),
  SS_CONFIGURATION_WARNING: told('warn', 'A setting is unknown or outdated; the message names it.'),
  SS_FRAMEWORK: told(['warn', 'error', 'fatal'], 'What NestJS says of itself.', 'context', 'stack'),
  SS_LOG_LEVEL_CHANGED: told(
    'info',
    'Another level is logged from now on (`ssctl log-level`).',
    'log_level',
    'ends_at',
  ),
  SS_LOG_LEVEL_UNKNOWN: told(
    'warn',
    'Which level is to be logged could not be read; it is asked again.',
    'err',
  ),
  SS_EMBEDDED_SERVER: told('info', 'What the embedded PostgreSQL says of its start; the message tells it.'),
  SS_DATABASE_AWAITED: told(
    'warn',
    'The database does not answer yet; the program waits for it.',
    ...(['cause', 'waited_ms', 'bound_ms'] as const),
  ),
  SS_DATABASE_REACHED: told('info', 'The database answers, after a wait.', 'waited_ms'),
  SS_DATABASE_LOGIN_PRIVILEGED: told(
    'warn',
    'The login of DATABASE_URL may do more than the program needs.',
    'rights',
  ),
  SS_DATABASE_NOT_LISTENING: told(
    'warn',
    'Notifications do not arrive (a pooler, say); work is found by polling.',
    'channel',
    'cause',
  ),
  SS_DATABASE_CONNECTION_FAULT: told(
    'warn',
    'A connection that nobody waited for broke; it is opened anew.',
    'err',
  ),
  SS_HEALTH_DEPENDENCY_DOWN: told(
    'warn',
    'The program is not ready: something that it needs is away. Said once, not with each probe.',
    ...(['dependency', 'cause', 'duration_ms', 'err'] as const),
  ),
  SS_HEALTH_DEPENDENCY_UP: told('info', 'It is back.', 'dependency', 'after'),
  SS_METRICS_SPEAKING: told('info', 'This worker tells the figures of the whole system from now on.'),
  SS_METRICS_SILENT: told('info', 'This worker leaves the figures of the whole system to another.'),
  SS_TRACING_CONFIGURED: told(
    'info',
    'Traces are recorded and sent.',
    ...(['tracing_exporter', 'otlp_endpoint', 'sampler', 'service_name'] as const),
  ),
  SS_TRACING_FAILED: told('warn', 'Tracing could not be started; the program goes on without.', 'err'),
  SS_TRACING_FAULT: told(
    'warn',
    'Traces do not reach the collector; they are dropped. Said once a minute at most.',
    'err',
  ),
  SS_TRACING_LAST_SPANS_LOST: told('warn', 'At the shutdown the collector did not take the last spans.'),
} as const satisfies Record<`SS_${string}`, EventKind>;
