export { type ChatRequest } from './chat-request.js';
export { draftByRules } from './draft-by-rules.js';
export { FakeModelServer, type FakeModelServerOptions, type ServedCall } from './fake-model-server.js';
export { type Behaviour, BEHAVIOURS, isBehaviour, mulberry32, seededBehaviour } from './misbehaviour.js';
