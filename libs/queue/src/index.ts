export { type DeadLetter, DeadLetters } from './dead-letters.js';
export { deployQueues } from './deploy.js';
export { type TakenMessage } from './message-key.js';
export {
  FIRST_MESSAGE,
  type Message,
  Messages,
  type PlaceInLine,
  type QueueCounts,
  type WaitingTenant,
} from './messages.js';
export { Parking } from './parking.js';
export { type Pause, Pauses } from './pauses.js';
export {
  type FindPast,
  type HeldMessage,
  Queue,
  QueuesMissing,
  type QueueSettings,
  type WakeOptions,
} from './queue.js';
export { isQueueName, type JobRef, QUEUE_SCHEMA, type QueueName, QUEUES } from './queues.js';
export { queueSchemaVersion } from './schema-version.js';
export { TenantLines, type TenantLine } from './tenant-lines.js';
export { FRONT } from './turns.js';
