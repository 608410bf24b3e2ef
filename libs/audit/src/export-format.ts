import type { TenantEvent } from './audit-trail.js';
import { toCloudEvent } from './cloud-event.js';
import { toOcsf } from './ocsf.js';

/** How an event is written in an export; each is a line of JSON. */
export const EXPORT_FORMATS = {
  ndjson: (event: TenantEvent): object => event,
  ocsf: toOcsf,
  cloudevents: toCloudEvent,
} as const satisfies Record<string, (event: TenantEvent) => object>;

export type ExportFormat = keyof typeof EXPORT_FORMATS;
