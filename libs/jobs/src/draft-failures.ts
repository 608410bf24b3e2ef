import type { Failure } from './job.js';

/** The message that asked for the draft was given up: worker after worker held it, and none settled it. */
export const DRAFT_GIVEN_UP = {
  code: 'DRAFT_GIVEN_UP',
  message: 'Several workers began the draft, and none of them ended it. Ask for a draft again.',
} as const satisfies Failure;
