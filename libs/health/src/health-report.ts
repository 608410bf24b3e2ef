import { HEALTH_CAUSES, type HealthCause } from './health-cause.js';

/** How one thing is that a program depends on. Some tell more beside. */
export interface CheckReport {
  status: 'up' | 'down';
  /** How long the look took; the answer may be one of a second ago. */
  latency_ms: number;
  /** When it began. */
  checked_at: string;
  cause: HealthCause | null;
  message?: string;
}

/** What every probe of every program answers. */
export interface HealthReport {
  status: 'ok' | 'error';
  checked_at: string;
  /** The checks that are up, those that are down, and all of them. */
  info: Readonly<Record<string, CheckReport>>;
  error: Readonly<Record<string, CheckReport>>;
  details: Readonly<Record<string, CheckReport>>;
}

const INSTANT = { type: 'string', format: 'date-time' } as const;

const check = (status: CheckReport['status']): object => ({
  type: 'object',
  required: ['status', 'latency_ms', 'checked_at', 'cause', ...(status === 'down' ? ['message'] : [])],
  properties: {
    status: { type: 'string', const: status },
    latency_ms: { type: 'number', minimum: 0 },
    checked_at: INSTANT,
    cause: status === 'down' ? { type: 'string', enum: [...HEALTH_CAUSES] } : { type: 'null' },
    message: { type: 'string', minLength: 1 },
  },
});

const checks = (...of: object[]): object => ({
  type: 'object',
  propertyNames: { pattern: '^[a-z][a-z_]*$' },
  additionalProperties: of.length === 1 ? of[0] : { oneOf: of },
});

const [up, down] = [check('up'), check('down')];

const report = (status: HealthReport['status'], failed: object): object => ({
  type: 'object',
  additionalProperties: false,
  required: ['status', 'checked_at', 'info', 'error', 'details'],
  properties: {
    status: { type: 'string', const: status },
    checked_at: INSTANT,
    info: checks(up),
    error: { ...checks(down), ...failed },
    details: { ...checks(up, down), minProperties: 1 },
  },
});

/** The answer as a JSON schema (2020-12), by its status: 200 and 503. Fields may be added to a check, none goes. */
export const HEALTH_REPORT_SCHEMAS = {
  200: report('ok', { maxProperties: 0 }),
  503: report('error', { minProperties: 1 }),
} as const;
