export { deployQueues } from './deploy.js';
export { type HeldMessage, Queue, type QueueSettings, type WakeOptions } from './queue.js';
export { type JobRef, type QueueName, QUEUES } from './queues.js';
