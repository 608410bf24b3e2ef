import type { Instant } from '#database';

/** Which events are asked for: those that fit everything that is said. */
export interface AuditFilter {
  actor_kind?: string | undefined;
  actor_id?: string | undefined;
  action?: string | undefined;
  resource_type?: string | undefined;
  resource_id?: string | undefined;
  request_id?: string | undefined;
  trace_id?: string | undefined;
  /** From this instant on. */
  since?: Instant | undefined;
  /** Before this instant. */
  until?: Instant | undefined;
  /** What was refused, or what was done. */
  outcome?: 'denied' | 'done' | undefined;
}

/** What a refusal is called on the audit, whatever was refused. */
export const DENIED = 'access.denied';

const EQUAL = [
  'actor_kind',
  'actor_id',
  'action',
  'resource_type',
  'resource_id',
  'request_id',
  'trace_id',
] as const satisfies (keyof AuditFilter)[];

/** The filter as conditions of SQL. Their values are added to `values`, where the statement's own stand already. */
export function conditionsOf(filter: AuditFilter, values: unknown[]): string[] {
  const place = (value: unknown): string => `$${String(values.push(value))}`;
  const { since, until, outcome } = filter;
  return [
    ...EQUAL.flatMap((column) => {
      const value = filter[column];
      return value === undefined ? [] : [`${column} = ${place(value)}`];
    }),
    ...(since === undefined ? [] : [`occurred_at >= ${place(since)}`]),
    ...(until === undefined ? [] : [`occurred_at < ${place(until)}`]),
    ...(outcome === undefined ? [] : [`action ${outcome === 'denied' ? '=' : '<>'} ${place(DENIED)}`]),
  ];
}
