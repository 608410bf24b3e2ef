export { type ClientOptions, SsClient } from './ss-client.js';
export { type Fault, type ProblemCode, SsProblem } from './ss-problem.js';
export { RepeatingFetch, type RepeatOptions } from './repeating-fetch.js';
export type {
  Artifact,
  AuditEvent,
  Confirmation,
  Draft,
  Job,
  NewFile,
  NewJob,
  Run,
  Wait,
} from './job-shapes.js';
export type { components, operations, paths } from './generated/v1.js';
