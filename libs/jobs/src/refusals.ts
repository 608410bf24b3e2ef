import { DomainError, type Fault } from '#observability';
import type { Job } from './job.js';
import { type JobMove, moves } from './job-moves.js';

/** There is no such job for this tenant; another tenant may have one, and nobody is told. */
export class JobNotFound extends DomainError {
  constructor(jobId: string) {
    super('JOB_NOT_FOUND', 'There is no such job.', { job_id: jobId });
  }
}

export class JobIdUnsafe extends DomainError {
  constructor() {
    super(
      'JOB_ID_UNSAFE',
      'A job_id has 1 to 128 letters, digits, dots, hyphens and underscores, a letter or digit first, and no "..".',
    );
  }
}

export class JobAlreadyExists extends DomainError {
  constructor(jobId: string) {
    super('JOB_ALREADY_EXISTS', `There is a job ${jobId} already.`, { job_id: jobId });
  }
}

/** All or none: what was wrong with some of the items, each by its place in the batch. */
export class BatchRefused extends DomainError {
  constructor(refused: number, items: number, errors: readonly Fault[]) {
    super(
      'BATCH_REFUSED',
      `${String(refused)} of ${String(items)} items were refused, so no job was made. Mend them, or send mode: each.`,
      { refused },
      errors,
    );
  }
}

/** Somebody else changed the job since the caller last read it. */
export class JobVersionConflict extends DomainError {
  constructor(job: Job, expectedVersion: number) {
    super(
      'JOB_VERSION_CONFLICT',
      `The job is at version ${String(job.version)}, not ${String(expectedVersion)}. Read it again and decide anew.`,
      {
        job_id: job.job_id,
        expected_version: expectedVersion,
        current_version: job.version,
        status: job.status,
      },
    );
  }
}

export class TransitionRefused extends DomainError {
  constructor(job: Job, move: JobMove) {
    super(
      'JOB_ILLEGAL_TRANSITION',
      `${move} is possible from ${moves[move].from.join(', ')}; the job is ${job.status}.`,
      { job_id: job.job_id, move, status: job.status, current_version: job.version },
    );
  }
}

/** Its data are erased only when nobody works with them any more. */
export class JobNotEnded extends DomainError {
  constructor(job: Job) {
    super(
      'JOB_NOT_ENDED',
      `The data of a job are erased after its end; it is ${job.status}. Cancel it first.`,
      {
        job_id: job.job_id,
        status: job.status,
        current_version: job.version,
      },
    );
  }
}

/** What was asked for, or is needed, was erased for good. */
export class JobDataErased extends DomainError {
  constructor(job: Job) {
    super('JOB_DATA_ERASED', `The data of this job were erased at ${job.erased_at ?? ''}.`, {
      job_id: job.job_id,
      erased_at: job.erased_at,
    });
  }
}

/** Inputs and draft change only until the plan is frozen. */
export class JobLocked extends DomainError {
  constructor(job: Job, what: string) {
    super('JOB_LOCKED', `${what} can change while a job is created or draft_ready; it is ${job.status}.`, {
      job_id: job.job_id,
      status: job.status,
      current_version: job.version,
    });
  }
}

export class DraftNotFound extends DomainError {
  constructor(jobId: string) {
    super('DRAFT_NOT_FOUND', 'The job has no draft yet. Ask for one with POST …/draft.', { job_id: jobId });
  }
}

export class DraftRevisionNotFound extends DomainError {
  constructor(jobId: string, revision: number) {
    super('DRAFT_NOT_FOUND', `The job has no draft of revision ${String(revision)}.`, {
      job_id: jobId,
      revision,
    });
  }
}

/** What was read is not what would be confirmed. */
export class DraftRevisionConflict extends DomainError {
  constructor(jobId: string, named: number, latest: number) {
    super(
      'DRAFT_REVISION_CONFLICT',
      `The draft is at revision ${String(latest)}, not ${String(named)}. Read it, then confirm that one.`,
      { job_id: jobId, draft_revision: named, latest_revision: latest },
    );
  }
}

export class DraftOutOfDate extends DomainError {
  constructor(jobId: string) {
    super(
      'DRAFT_OUT_OF_DATE',
      'The inputs changed after the draft was made. Ask for a new draft, then confirm.',
      {
        job_id: jobId,
      },
    );
  }
}

export class DraftInvalid extends DomainError {
  constructor(errors: readonly Fault[]) {
    super('DRAFT_INVALID', 'The draft was not changed.', {}, errors);
  }
}

export class PlanMissing extends DomainError {
  constructor(jobId: string) {
    super('PLAN_MISSING', 'The job has no frozen plan yet; confirm makes one.', { job_id: jobId });
  }
}

export class PrimaryDatasetMissing extends DomainError {
  constructor(jobId: string) {
    super(
      'INPUT_PRIMARY_DATASET_MISSING',
      'Upload a dataset first; a draft is made from the data and the question.',
      {
        job_id: jobId,
      },
    );
  }
}

export class PrimaryDatasetMultiple extends DomainError {
  constructor(jobId: string) {
    super('INPUT_PRIMARY_DATASET_MULTIPLE', 'A job has one primary_dataset; give the others another role.', {
      job_id: jobId,
    });
  }
}

export class DatasetNotFound extends DomainError {
  constructor(datasetKey: string) {
    super('INPUT_DATASET_NOT_FOUND', 'The job has no such dataset.', { dataset_key: datasetKey });
  }
}

export class UploadRefused extends DomainError {
  constructor(
    code:
      | 'INPUT_UNSUPPORTED_FORMAT'
      | 'INPUT_ROLE_INVALID'
      | 'INPUT_FILENAME_UNSAFE'
      | 'INPUT_FILE_MISSING'
      | 'INPUT_TOO_COSTLY',
    detail: string,
    options?: ErrorOptions,
  ) {
    super(code, detail, {}, [], options);
  }
}

export class TooManyDatasets extends DomainError {
  constructor(limit: number) {
    super('INPUT_DATASETS_LIMIT_EXCEEDED', `A job has ${String(limit)} datasets at most.`, { limit });
  }
}

export class RunNotFound extends DomainError {
  constructor(runId: string) {
    super('RUN_NOT_FOUND', 'The job has no such run.', { run_id: runId });
  }
}

/** The worker's right to the run has ended: nothing that it writes counts any more. */
export class StaleLease extends DomainError {
  constructor(facts: { jobId: string; runId: string; leaseNo: number }) {
    super('STALE_LEASE', 'The lease of this run has ended.', {
      job_id: facts.jobId,
      run_id: facts.runId,
      lease_no: facts.leaseNo,
    });
  }
}

/** There is no such upload, or its time is over, or it has ended. */
export class UploadNotFound extends DomainError {
  constructor() {
    super('UPLOAD_NOT_FOUND', 'The job has no such upload, or its time is over. Begin another.');
  }
}

/** What has come is not as long as it has to be. */
export class UploadIncomplete extends DomainError {
  constructor(bytes: number, received: number) {
    super(
      'UPLOAD_INCOMPLETE',
      `The store has ${String(received)} of the ${String(bytes)} bytes that were announced. Send the file, then complete.`,
      { limit: bytes, current: received },
    );
  }
}

/** As long as it has to be, and another file. */
export class UploadChecksumMismatch extends DomainError {
  constructor() {
    super('UPLOAD_CHECKSUM_MISMATCH', 'The file in the store has another SHA-256 than was announced.');
  }
}

export class PresignUnsupported extends DomainError {
  constructor() {
    super(
      'PRESIGN_UNSUPPORTED',
      'Files of this deployment lie in a folder, to which nobody can send past the API. Upload them as inputs.',
    );
  }
}
