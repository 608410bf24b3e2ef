import type { LegacyJob } from '../format/legacy-job.js';
import { sortedJson } from './sorted-json.js';
import type { StoredJob } from './stored-job.js';
import { toDocument } from './to-document.js';
import { hashText } from './secrets.js';

/** Tells whether the file says of the job what its rows say, secrets by their hashes. */
export function isSameContent(job: LegacyJob, stored: StoredJob): boolean {
  const { auth_token, redeem_task_code } = job;
  const said = { ...job, auth_token: hashText(auth_token), redeem_task_code: hashText(redeem_task_code) };
  return sortedJson(said) === sortedJson(toDocument(stored).document);
}
