import type { components } from './generated/v1.js';

type Schemas = components['schemas'];

export type Job = Schemas['JobBody'];
export type NewJob = Schemas['CreateJobRequest'];
export type Draft = Schemas['DraftBody'];
export type Run = Schemas['RunBody'];
export type Artifact = Schemas['ArtifactBody'];
export type AuditEvent = Schemas['AuditEventBody'];

/** A dataset to be sent: for more than memory holds, use the resumable uploads of the API (tus 1.0). */
export interface NewFile {
  role: string;
  name: string;
  content: string | Uint8Array | Blob;
}

export interface Confirmation {
  /** The version that was read: the job is refused with 412 when it has changed since. */
  version?: number;
  /** The revision of the draft that was read. */
  draftRevision?: number;
  notes?: string;
  /** Freeze the plan, but do not queue it. */
  hold?: boolean;
}

export interface Wait {
  /** How long to go on waiting; 10 minutes when it is not said. */
  limitMs?: number;
  signal?: AbortSignal;
}
