import { DomainError } from '#observability';

export class AuditMonthInvalid extends DomainError {
  constructor(text: string) {
    super('AUDIT_MONTH_INVALID', 'A month of the audit is written as 2026-05.', { month: text });
  }
}

export class AuditMonthNotFound extends DomainError {
  constructor(month: string) {
    super('AUDIT_MONTH_NOT_FOUND', `The audit has no month ${month}.`, { month });
  }
}

/** What is written of it now would not be what is in it at its end. */
export class AuditMonthOpen extends DomainError {
  constructor(month: string) {
    super('AUDIT_MONTH_OPEN', `The month ${month} is not over; rows may still be added to it.`, { month });
  }
}

/** Rows that are in no seal yet could not be proven later. */
export class AuditMonthUnsealed extends DomainError {
  constructor(month: string) {
    super(
      'AUDIT_MONTH_UNSEALED',
      `Rows of ${month} are not sealed yet; workers seal all the time, ssctl audit seal does it now.`,
      { month },
    );
  }
}

/** What is there is not what was sealed: neither archived nor dropped, for it is evidence. */
export class AuditMonthDiffers extends DomainError {
  constructor(month: string, segmentNo: number) {
    super(
      'AUDIT_MONTH_DIFFERS',
      `Rows of ${month} are not as they were sealed in segment ${String(segmentNo)}; see ssctl audit verify.`,
      { month, segment_no: segmentNo },
    );
  }
}

/** A file that is no archive, was cut, or was changed. */
export class AuditArchiveInvalid extends DomainError {
  constructor(detail: string, facts: Readonly<Record<string, unknown>> = {}) {
    super('AUDIT_ARCHIVE_INVALID', `The archive cannot be trusted: ${detail}`, facts);
  }
}
