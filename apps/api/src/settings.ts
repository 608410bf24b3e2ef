import type { Configuration } from '#configuration';
import { resolve } from 'node:path';
import type { EventStreamsOptions } from './events/event-streams.js';

const SECOND = 1_000;

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

export function toApiSettings(configuration: Configuration<'api'>): ApiSettings {
  return {
    idempotencyTtlHours: configuration.idempotencyTtlHours,
    leaseMs: configuration.queueLeaseTtlSeconds * SECOND,
    jsonMaxDepth: configuration.jsonMaxDepth,
    jsonMaxKeys: configuration.jsonMaxKeys,
    streams: {
      heartbeatMs: configuration.eventsHeartbeatSeconds * SECOND,
      maxStreams: configuration.eventsMaxStreams,
      maxStreamsOfTenant: configuration.eventsMaxStreamsPerTenant,
    },
  };
}

export function toUploadSettings(configuration: Configuration<'api'>): UploadSettings {
  return {
    folder: configuration.uploadsDir ?? resolve(configuration.dataDir, 'uploads'),
    ttlSeconds: configuration.uploadTtlSeconds,
  };
}

export const API_SETTINGS = Symbol('API_SETTINGS');
export const ARTIFACT_STORE = Symbol('ARTIFACT_STORE');
