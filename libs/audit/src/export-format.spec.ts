import { describe, expect, it } from '@jest/globals';
import { faultsOf } from '#testing';
import type { TenantEvent } from './audit-trail.js';
import { EXPORT_FORMATS } from './export-format.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function anEvent(given: Partial<TenantEvent> = {}): TenantEvent {
  return {
    ...{ tenant_id: 'acme', event_id: 255, occurred_at: '2026-11-23T10:11:12.345678Z', actor_kind: 'api_key' },
    ...{ actor_id: 'key_1', action: 'job.confirmed', resource_type: 'job', resource_id: 'penguins' },
    ...{ from_status: 'draft_ready', to_status: 'confirmed', version: 3, run_id: null, lease_no: null },
    ...{ reason: 'looks right', request_id: 'req-1', trace_id: TRACE, source: 'api', changes: null },
    ...{ metadata: { plan_id: 'abc' } },
    ...given,
  };
}

const DENIED = {
  ...{ action: 'access.denied', resource_type: 'route', resource_id: 'DELETE /v1/jobs/:job_id', trace_id: null },
  ...{ from_status: null, to_status: null, metadata: { code: 'JOB_NOT_FOUND', status: 404, count: 3 } },
};

describe('an event as OCSF', () => {
  it('is an API Activity with who, what, when, why and under which request and trace', () => {
    const event = EXPORT_FORMATS.ocsf(anEvent());
    expect(faultsOf('ocsf', event)).toEqual([]);
    expect(event).toMatchObject({
      ...{ class_uid: 6003, type_uid: 600303, severity_id: 1, status_id: 1, message: 'looks right' },
      time: Date.UTC(2026, 10, 23, 10, 11, 12, 345),
      metadata: { uid: '255', tenant_uid: 'acme', event_code: 'job.confirmed', profiles: ['trace'] },
      actor: { user: { uid: 'key_1', type: 'api_key', type_id: 4 } },
      api: { operation: 'job.confirmed', request: { uid: 'req-1' } },
      trace: { uid: TRACE },
      unmapped: { to_status: 'confirmed', version: 3, metadata: { plan_id: 'abc' } },
    });
  });

  it('says of what was denied that it failed, and what it would have been', () => {
    const event = EXPORT_FORMATS.ocsf(anEvent(DENIED));
    expect(faultsOf('ocsf', event)).toEqual([]);
    expect(event).toMatchObject({
      ...{ activity_id: 4, status_id: 2, severity_id: 2, status_code: 'JOB_NOT_FOUND' },
      api: { response: { code: 404 } },
    });
    expect(event).not.toHaveProperty('trace');
  });

  it.each([
    ['job.created', 1],
    ['api_key.created', 1],
    ['artifact.downloaded', 2],
    ['audit.exported', 2],
    ['job.inputs_removed', 4],
    ['job.enqueued', 3],
    ['queue.paused', 3],
  ])('%s is of the activity %d', (action, activity_id) => {
    expect(EXPORT_FORMATS.ocsf(anEvent({ action }))).toMatchObject({ activity_id });
  });

  it('loses nothing of the row', () => {
    const values = JSON.stringify(EXPORT_FORMATS.ocsf(anEvent({ changes: { a: [1, 2] }, run_id: 'r', lease_no: 7 })));
    for (const value of ['acme', '255', '2026-11-23T10:11:12.345678Z', '{"a":[1,2]}', '"lease_no":7', '"run_id":"r"'])
      expect(values).toContain(value);
  });

  it.each<[string, (event: Record<string, unknown>) => unknown]>([
    ['without an actor', ({ actor: _, ...rest }) => rest],
    ['without an operation', (event) => ({ ...event, api: {} })],
    ['without a source', ({ src_endpoint: _, ...rest }) => rest],
    ['without a product', (event) => ({ ...event, metadata: { version: '1.9.0' } })],
    ['of a type that is not its activity', (event) => ({ ...event, type_uid: 600301 })],
    ['with a severity that is none', (event) => ({ ...event, severity_id: 7 })],
    ['with its time as text', (event) => ({ ...event, time: '2026-11-23T10:11:12Z' })],
    ['with a trace and without the profile', (event) => ({ ...event, metadata: { version: '1.9.0', product: { name: 'SS' } } })],
    ['with an attribute that the class has not', (event) => ({ ...event, tenant: 'acme' })],
  ])('is refused by the schema %s', (_what, broken) => {
    const event = EXPORT_FORMATS.ocsf(anEvent()) as Record<string, unknown>;
    expect(faultsOf('ocsf', broken(event))).not.toEqual([]);
  });
});

describe('an event as a CloudEvent', () => {
  it('has what every consumer asks for, the trace, and the row as its data', () => {
    const event = EXPORT_FORMATS.cloudevents(anEvent());
    expect(faultsOf('cloudevents', event)).toEqual([]);
    expect(event).toEqual({
      ...{ specversion: '1.0', id: '255', source: 'urn:ss:audit:acme', type: 'ss.job.confirmed' },
      ...{ subject: 'job/penguins', time: '2026-11-23T10:11:12.345678Z', datacontenttype: 'application/json' },
      traceparent: `00-${TRACE}-00000000000000ff-00`,
      data: anEvent(),
    });
  });

  it.each([null, 'not a trace', '0'.repeat(32)])('has no trace where the row has none that is one: %p', (trace_id) => {
    const event = EXPORT_FORMATS.cloudevents(anEvent({ trace_id }));
    expect(faultsOf('cloudevents', event)).toEqual([]);
    expect(event).not.toHaveProperty('traceparent');
  });

  it('is one for every name of a tenant or resource', () => {
    const event = EXPORT_FORMATS.cloudevents(anEvent({ tenant_id: '@platform', resource_id: 'a\nb\u0085 ü/x%' }));
    expect(faultsOf('cloudevents', event)).toEqual([]);
    expect(event).toMatchObject({ source: 'urn:ss:audit:%40platform', subject: 'job/a\ufffdb\ufffd ü/x%' });
  });

  it.each<[string, (event: Record<string, unknown>) => unknown]>([
    ['without an id', ({ id: _, ...rest }) => rest],
    ['with an empty id', (event) => ({ ...event, id: '' })],
    ['of another version', (event) => ({ ...event, specversion: '0.3' })],
    ['with a source that is no reference', (event) => ({ ...event, source: 'a b' })],
    ['with a time that is none', (event) => ({ ...event, time: '2026-13-01T00:00:00Z' })],
    ['with an attribute that may not have its name', (event) => ({ ...event, tenant_id: 'acme' })],
    ['with an attribute that is an object', (event) => ({ ...event, more: {} })],
    ['with a line break in its subject', (event) => ({ ...event, subject: 'a\nb' })],
    ['with a span of zeros', (event) => ({ ...event, traceparent: `00-${TRACE}-0000000000000000-00` })],
    ['with data twice', (event) => ({ ...event, data_base64: 'e30=' })],
  ])('is refused by the schema %s', (_what, broken) => {
    const event = EXPORT_FORMATS.cloudevents(anEvent()) as Record<string, unknown>;
    expect(faultsOf('cloudevents', broken(event))).not.toEqual([]);
  });
});

it('an event as ndjson is the row', () => {
  expect(EXPORT_FORMATS.ndjson(anEvent())).toEqual(anEvent());
});
