import type { TenantEvent } from './audit-trail.js';

/** Control characters, which attributes must not hold. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;

/** The event as a CloudEvent 1.0, in the JSON format; the row as it is in `data`. */
export function toCloudEvent(event: TenantEvent): object {
  return {
    specversion: '1.0',
    // With `source`, unlike any other of the deployment.
    id: String(event.event_id),
    source: `urn:ss:audit:${encodeURIComponent(event.tenant_id)}`,
    type: `ss.${event.action}`,
    subject: `${event.resource_type}/${event.resource_id}`.replace(CONTROLS, '\ufffd'),
    time: event.occurred_at,
    datacontenttype: 'application/json',
    ...traceParent(event),
    data: event,
  };
}

/** The extension for distributed tracing. The audit knows no spans: the number of the event stands in for one. */
function traceParent({ trace_id: traceId, event_id: eventId }: TenantEvent): object {
  if (traceId === null || !TRACE_ID.test(traceId)) return {};
  return { traceparent: `00-${traceId}-${eventId.toString(16).padStart(16, '0')}-00` };
}
