import { DENIED } from './audit-filter.js';
import type { TenantEvent } from './audit-trail.js';

/** Of the Open Cybersecurity Schema Framework; https://schema.ocsf.io/1.9.0/classes/api_activity. */
const OCSF_VERSION = '1.9.0';
const APPLICATION_ACTIVITY = 6;
const API_ACTIVITY = 6003;

const ACTIVITIES = { unknown: 0, create: 1, read: 2, update: 3, delete: 4 } as const;
type Activity = keyof typeof ACTIVITIES;

/** By the verb of the action; what is not here changed something that was there. */
const ACTIVITY_OF_VERB: Readonly<Record<string, Activity>> = {
  created: 'create',
  inputs_added: 'create',
  downloaded: 'read',
  previewed: 'read',
  exported: 'read',
  export_started: 'read',
  inputs_removed: 'delete',
  dropped: 'delete',
  erased: 'delete',
};

/** What was denied was not done; this is what it would have been. */
const ACTIVITY_OF_METHOD: Readonly<Record<string, Activity>> = {
  POST: 'create',
  GET: 'read',
  HEAD: 'read',
  PATCH: 'update',
  PUT: 'update',
  DELETE: 'delete',
};

const INFORMATIONAL = 1;
const LOW = 2;
const SUCCESS = 1;
const FAILURE = 2;

/** Kinds of users: a person, one who administers, a system, a service. */
const USER_TYPES: Readonly<Record<string, number>> = {
  oidc_subject: 1,
  operator: 2,
  database_user: 2,
  worker: 3,
  migration: 3,
  api_key: 4,
};

/** The event as OCSF's API Activity. What that class has no place for is in `unmapped`, so nothing gets lost. */
export function toOcsf(event: TenantEvent): object {
  const activity = ACTIVITIES[activityOf(event)];
  const denied = event.action === DENIED;
  const failed = denied || (event.to_status === 'failed' && event.from_status !== 'failed');
  const { code, status } = event.metadata ?? {};
  return {
    class_uid: API_ACTIVITY,
    category_uid: APPLICATION_ACTIVITY,
    activity_id: activity,
    type_uid: API_ACTIVITY * 100 + activity,
    time: Date.parse(event.occurred_at),
    severity_id: failed ? LOW : INFORMATIONAL,
    status_id: failed ? FAILURE : SUCCESS,
    ...(typeof code === 'string' ? { status_code: code } : {}),
    ...(event.reason === null ? {} : { message: event.reason }),
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'SS' },
      ...(event.trace_id === null ? {} : { profiles: ['trace'] }),
      uid: String(event.event_id),
      tenant_uid: event.tenant_id,
      event_code: event.action,
      log_name: 'audit',
      original_time: event.occurred_at,
    },
    actor: { user: { uid: event.actor_id, type_id: USER_TYPES[event.actor_kind] ?? 0, type: event.actor_kind } },
    api: {
      operation: event.action,
      ...(event.request_id === null ? {} : { request: { uid: event.request_id } }),
      ...(denied && typeof status === 'number' ? { response: { code: status } } : {}),
    },
    src_endpoint: { svc_name: event.source },
    resources: [{ uid: event.resource_id, type: event.resource_type }],
    ...(event.trace_id === null ? {} : { trace: { uid: event.trace_id } }),
    unmapped: {
      from_status: event.from_status,
      to_status: event.to_status,
      version: event.version,
      run_id: event.run_id,
      lease_no: event.lease_no,
      changes: event.changes,
      metadata: event.metadata,
    },
  };
}

function activityOf({ action, resource_id }: TenantEvent): Activity {
  if (action === DENIED) return ACTIVITY_OF_METHOD[resource_id.split(' ')[0] ?? ''] ?? 'unknown';
  return ACTIVITY_OF_VERB[action.slice(action.indexOf('.') + 1)] ?? 'update';
}
