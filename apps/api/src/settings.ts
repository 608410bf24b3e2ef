import type { EventStreamsOptions } from './events/event-streams.js';

/** What controllers need to know of the configuration. */
export interface ApiSettings {
  idempotencyTtlHours: number;
  /** A worker that was not seen for so long is taken for dead. */
  leaseMs: number;
  /** Of the JSON of a request. */
  jsonMaxDepth: number;
  jsonMaxKeys: number;
  streams: EventStreamsOptions;
}

/** The folder of resumable uploads that are under way, and for how long an announced upload may be. */
export interface UploadSettings {
  folder: string;
  ttlSeconds: number;
}

export const API_SETTINGS = Symbol('API_SETTINGS');
export const ARTIFACT_STORE = Symbol('ARTIFACT_STORE');
