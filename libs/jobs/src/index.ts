export { BATCH_MODES, type BatchItem, type BatchMode, type BatchResult } from './batches/batch-item.js';
export { JobBatches } from './batches/job-batches.js';
export { countJobs } from './count-jobs.js';
export { DraftingUsage, type UsageReport } from './drafting-usage.js';
export {
  DeploymentStatus,
  type LastMigration,
  type StatusReport,
  type WorkersRun,
  type WorkerState,
} from './deployment-status.js';
export { DraftExchanges } from './draft-exchanges.js';
export { type Draft } from './drafts.js';
export { type FrozenPlan } from './frozen-plans.js';
export { type DraftFailure, type DraftTask, type Failure, type Job, refOf } from './job.js';
export { type Artifact, type NewArtifact } from './job-artifacts.js';
export {
  type Ask,
  findViolations,
  type Grace,
  type Invariant,
  type Violations,
} from './invariants/invariant.js';
export { INVARIANTS, NOT_TOLD_BY_SQL } from './invariants/invariants.js';
export { JobDrafting, type DraftingResult } from './job-drafting.js';
export { type JobExplanation, type Reason, REASON_CODES, type ReasonCode } from './job-explanation.js';
export { JobErasure } from './job-erasure.js';
export { JobExplanations } from './job-explanations.js';
export { DATASET_ROLES, type DatasetRole, type InputDataset } from './job-input-rows.js';
export { type InputUpload } from './input-upload-rows.js';
export { type ChangedInputs, JobUploads } from './job-uploads.js';
export { JobInputs, type ReceivedDataset } from './job-inputs.js';
export { JobLifecycle, type ConfirmRequest, type NewJobRequest } from './job-lifecycle.js';
export { hasEnded, JOB_STATUSES, type JobMove, type JobStatus, moves } from './job-moves.js';
export { JobReads } from './job-reads.js';
export {
  type JobFilter,
  JOB_ORDERS,
  type JobOrder,
  type JobSort,
  NEWEST_FIRST,
  type Place,
  placeOf,
} from './lists/job-filter.js';
export { JobLists, type JobStretch, type ListOptions, type Total } from './lists/job-lists.js';
export { RUN_ENDED_CHANNEL } from './close-run.js';
export { JobRetention, type Removal, type RetentionDue, type RetentionLimits } from './job-retention.js';
export { JobRuns, type Settlement, type StepResult } from './job-runs.js';
export { LostRuns, type LostRun } from './lost-runs.js';
export { ParkedJobs } from './parked-jobs.js';
export { QueueControl, QueueNotFound, queueNamed, type QueueState } from './queue-control.js';
export { QueueReconciler, type ReconcileRound, type Repair, type RepairKind } from './queue-reconciler.js';
export { type QuotaReport, QuotaReports } from './quota-reports.js';
export { Redrive, type RedriveRequest, type Redriven, type SkipCode } from './redrive.js';
export {
  BatchRefused,
  DatasetNotFound,
  DraftInvalid,
  DraftNotFound,
  DraftRevisionConflict,
  DraftRevisionNotFound,
  JobDataErased,
  JobIdUnsafe,
  JobNotEnded,
  JobNotFound,
  JobVersionConflict,
  RunNotFound,
  StaleLease,
  TransitionRefused,
  UploadNotFound,
  UploadRefused,
} from './refusals.js';
export { retryDelay, type RetryDefaults } from './retry-policy.js';
export { RUN_FAILURES, type RunFailureCode } from './run-failures.js';
export {
  type ClaimedRun,
  type DoneStep,
  type Lease,
  type RunOrder,
  type RunOutcome,
  type RunRecord,
  type StepRecord,
} from './run.js';
export { Election, type Elected } from './election.js';
export { JobTasks, type Preview } from './tasks/job-tasks.js';
export { TaskRounds, type TaskProgress, type TaskRoundOptions } from './tasks/task-rounds.js';
export {
  type Task,
  TASK_MOVES,
  TASK_STATUSES,
  TaskEnded,
  type TaskError,
  type TaskFailure,
  type TaskMove,
  TaskNotFound,
  type TaskStatus,
} from './tasks/task.js';
export { type RenewedLease, type WorkerIdentity, Workers } from './workers.js';
