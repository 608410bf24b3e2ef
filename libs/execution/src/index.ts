export { Execution, type ExecutionOptions } from './execution.js';
export { EXECUTION_LIMITS, type ExecutionLimits } from './execution-limits.js';
export {
  CommandProfilesInvalid,
  parseCommandProfiles,
  type CommandProfile,
  type CommandProfiles,
} from './command-profiles.js';
export { readCommandProfiles } from './read-command-profiles.js';
export { type JsonRow, type JsonValue } from './json-value.js';
export { findRemoteData } from './remote-data.js';
export { StepAborted, StepFailed } from './step-failed.js';
export { isStepFailureCode, STEP_FAILURES, type StepFailureCode } from './step-failures.js';
export {
  DATASET_FORMATS,
  type Column,
  type ColumnProfile,
  type DatasetFile,
  type DatasetFormat,
  type DatasetProfile,
  type InspectRequest,
  type ProducedFile,
  type SqlCheck,
  type SqlCheckRequest,
  type StepOutcome,
  type StepRequest,
  type PrintedLines,
  type StepSummary,
  type TableFile,
} from './step-request.js';
