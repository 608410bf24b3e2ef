import { type EventKind, told } from './event.js';

const REFUSAL = ['method', 'status', 'code'] as const;

/** What the API says of requests and of who may in. */
export const API_EVENTS = {
  SS_API_REQUEST: told(
    ['info', 'warn'],
    'A request and how it ended: one line each. Probes and scrapes have none. WARN from status 500 on.',
    ...(['method', 'path', 'status', 'broken_off', 'duration_ms', 'err'] as const),
  ),
  SS_API_REFUSED: told('info', 'A request was refused (4xx); its own line follows.', ...REFUSAL),
  SS_API_UNAVAILABLE: told(
    'warn',
    'A request was refused with 503: the database is away, or the API leaves.',
    ...REFUSAL,
  ),
  SS_API_UNHANDLED_EXCEPTION: told('error', 'A request failed for a fault of ours (500).', ...REFUSAL, 'err'),
  SS_API_KEY_USE_NOT_NOTED: told('warn', 'When a key was used could not be written; its next use is.', 'err'),
  SS_API_EVENTS_DELAYED: told(
    'warn',
    'Followers of jobs are told later: the database could not be asked. Said once for each time of trouble.',
    'err',
  ),
  SS_API_DENIALS_NOT_WRITTEN: told(
    'warn',
    'Denied attempts could not be written to the audit; tried again.',
    'err',
  ),
  SS_API_UPLOADS_NOT_SWEPT: told(
    'warn',
    'Files of expired uploads could not be removed; tried again.',
    'err',
  ),
  SS_API_TOKENS_TAKEN: told('info', 'Access tokens are taken beside keys.', 'issuer', 'audience'),
  SS_LEGACY_READ_THROUGH: told('info', 'Jobs without rows are looked up in the legacy tree.'),
  SS_JOB_JSON_SCHEMA_MIGRATED: told(
    'info',
    'A legacy job has rows now.',
    ...(['from_version', 'to_version', 'steps', 'reasons'] as const),
  ),
} as const satisfies Record<`SS_${string}`, EventKind>;
