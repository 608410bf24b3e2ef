import { createHash } from 'node:crypto';

/** What Python takes for a space, which is not quite what JavaScript does. */
// eslint-disable-next-line no-control-regex -- some of them are control characters
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;

/** The id that the legacy service gave to a question: the same question, however it is spaced, is the same job. */
export function legacyJobId(requirement: string): string {
  const normalised = requirement.replace(SPACES, ' ').replace(/^ | $/g, '');
  const key = `v1|fingerprint=|requirement=${normalised}|plan_revision=`;
  return `job_${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}
