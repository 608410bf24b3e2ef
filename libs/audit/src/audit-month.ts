import { AuditMonthInvalid } from './audit-refusals.js';

/** A calendar month in UTC, and the partition of the audit that holds it: `2026-05`. */
export type AuditMonth = string & { readonly auditMonth: unique symbol };

/** Throws for whatever is no month. */
export function auditMonth(text: string): AuditMonth {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) throw new AuditMonthInvalid(text);
  // The one place where a month is made, after it was looked at.
  return text as AuditMonth;
}

/** The first instant of the month, and the first that is past it. */
export function boundsOf(month: AuditMonth): { from: string; to: string } {
  const [year = 0, number = 0] = month.split('-').map(Number);
  const instant = (date: number): string => new Date(date).toISOString();
  return { from: instant(Date.UTC(year, number - 1)), to: instant(Date.UTC(year, number)) };
}
