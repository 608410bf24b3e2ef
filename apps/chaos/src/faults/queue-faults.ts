import type { Fault } from '../fault.js';
import { noopPlan } from '../load/job-kinds.js';
import { USUAL_LOAD } from '../load/load.js';
import type { Trial } from '../trial.js';
import { within } from '../waiting.js';

/** A message about a job, like one that lies there, with a key of its own so that the queue takes it for another. */
const ADD_MESSAGES = `
  INSERT INTO pgboss.job
  SELECT (jsonb_populate_record(NULL::pgboss.job, to_jsonb(message) || jsonb_build_object(
    'id', gen_random_uuid(), 'singleton_key', gen_random_uuid()::text, 'state', 'created',
    'start_after', clock_timestamp(), 'created_on', clock_timestamp(),
    'data', jsonb_build_object('tenant_id', about.tenant_id, 'job_id', about.job_id)
  ))).*
  FROM (SELECT * FROM pgboss.job WHERE name = 'job.run' AND state = 'created' LIMIT 1) AS message
  CROSS JOIN (ABOUT) AS about`;

const of = (about: string): string => ADD_MESSAGES.replace('ABOUT', about);

/** So that there is always one message to copy: a job that waits for an hour, and is cancelled at the end. */
async function withTemplate(trial: Trial, work: () => Promise<void>): Promise<void> {
  const kind = { name: 'template', ends: ['cancelled'], isHeavy: false, plan: () => noopPlan() } as const;
  const template = await trial.load.submit(kind, {
    run_after: new Date(Date.now() + 3_600_000).toISOString(),
  });
  try {
    await work();
  } finally {
    await trial.load.cancel(template);
  }
}

export const duplicateMessages: Fault = {
  number: 15,
  name: 'messages come twice',
  does: 'a second and a third message for queued, running and ended jobs, again and again, under load',
  holds: 'no job runs twice for it: state and lease refuse the second claim',
  recovery: 'from the last message until a job sent then is done',
  recoveryLimitMs: 10_000,
  load: USUAL_LOAD,
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    await withTemplate(trial, async () => {
      await trial.repeat(20, async () => {
        const added = await trial.deployment.server.sql(
          `${of(`SELECT tenant_id, job_id FROM job WHERE status NOT IN ('created', 'draft_ready')
                 ORDER BY updated_at DESC LIMIT 30`)} RETURNING 1`,
        );
        trial.count('messages added', added.length);
        await trial.pause(200, 600);
      });
    });
    await trial.recovers();
    const [twice] = await trial.deployment.server.sql<{ n: number }>(
      `SELECT count(*)::integer AS n FROM (
         SELECT FROM run WHERE outcome = 'succeeded' GROUP BY tenant_id, job_id HAVING count(*) > 1
       ) AS twice`,
    );
    trial.expect(twice?.n === 0, `${String(twice?.n)} jobs succeeded more than once`);
  },
};

const LOSE_MESSAGES = `
  DELETE FROM pgboss.job
  WHERE name = 'job.run' AND state < 'active' AND data ->> 'job_id' = ANY ($1)
  RETURNING 1`;
/** A minute for the round of the reconciler, and what a busy machine adds. */
const REPAIRED_MS = 100_000;

export const queueAndRowsDisagree: Fault = {
  number: 16,
  name: 'queue and rows disagree',
  does: 'the messages of 40 queued jobs are deleted; 100 messages for ended jobs and for jobs that do not exist are added',
  holds: 'the reconciler sends what is missing within its minute; workers drop what is too much',
  recovery: 'from the loss of the messages until every job that lost one is done',
  recoveryLimitMs: REPAIRED_MS,
  load: null,
  limitSeconds: 200,
  isInShortForm: false,
  conduct: async (trial) => {
    await withTemplate(trial, async () => {
      const kind = {
        name: 'forgotten',
        ends: ['succeeded'],
        isHeavy: false,
        plan: () => noopPlan(),
      } as const;
      const ended = await Promise.all(Array.from({ length: 10 }, () => trial.load.submit(kind)));
      await trial.many(ended, 4, (job) =>
        trial.load.clientOf(job).send({
          method: 'GET',
          path: `/v1/jobs/${String(job.jobId)}`,
          operation: 'read',
          headers: { prefer: 'wait=20' },
        }),
      );
      const runAfter = { run_after: new Date(Date.now() + 6_000).toISOString() };
      const jobs = await Promise.all(Array.from({ length: 40 }, () => trial.load.submit(kind, runAfter)));
      const lost = await trial.deployment.server.sql(LOSE_MESSAGES, [jobs.map(({ jobId }) => jobId)]);
      const begun = performance.now();
      trial.expect(lost.length === jobs.length, `of ${jobs.length} messages ${lost.length} could be deleted`);
      trial.count('messages deleted', lost.length);
      for (const about of [
        `SELECT tenant_id, job_id FROM job WHERE status IN ('succeeded', 'failed', 'cancelled') LIMIT 50`,
        `SELECT 'north' AS tenant_id, 'nobody-' || n AS job_id FROM generate_series(1, 50) AS n`,
      ]) {
        const added = await trial.deployment.server.sql(`${of(about)} RETURNING 1`);
        trial.count('messages added', added.length);
      }
      const left = `SELECT count(*)::integer AS n FROM job WHERE job_id = ANY ($1) AND status <> 'succeeded'`;
      const repaired = await within(150_000, async () => {
        const [row] = await trial.deployment.server.sql<{ n: number }>(left, [
          jobs.map(({ jobId }) => jobId),
        ]);
        return row?.n === 0;
      });
      trial.expect(repaired !== null, 'not every job whose message was lost has been done');
      if (repaired !== null) trial.recoveries.push(Math.round(performance.now() - begun));
    });
  },
};
