import type { Fault } from '../fault.js';
import type { Answer } from '../load/api-client.js';
import { noopPlan, sleepPlan } from '../load/job-kinds.js';
import type { Trial } from '../trial.js';

const NO_RECOVERY = { recovery: 'none: nothing is broken', recoveryLimitMs: 0, load: null } as const;

/** A job that waits to be confirmed; its ends are those of a job that two kinds of callers fight over. */
async function anUnconfirmedJob(trial: Trial): Promise<{ path: string; jobId: string }> {
  const kind = {
    name: 'fought over',
    ends: ['succeeded', 'cancelled'],
    isHeavy: false,
    plan: () => noopPlan(2),
  } as const;
  const job = await trial.load.submit(kind, { confirm: false });
  if (job.jobId === null) throw new Error('the API did not take a job');
  return { path: `/v1/jobs/${job.jobId}`, jobId: job.jobId };
}

export const storms: Fault = {
  ...NO_RECOVERY,
  number: 12,
  name: 'confirm and cancel storm the same jobs',
  does: '50 jobs, 32 callers at once, each confirming or cancelling one of them without naming a version',
  holds: 'only 2xx and 409 or 412: no deadlock reaches a caller; each job has one end',
  limitSeconds: 120,
  isInShortForm: false,
  conduct: async (trial) => {
    const jobs = await Promise.all(Array.from({ length: 50 }, () => anUnconfirmedJob(trial)));
    const owners = new Map(trial.load.jobs.map((job) => [job.jobId, job]));
    // Every job is asked for both, so that none is left unconfirmed.
    const calls = trial.random.shuffled(
      jobs.flatMap((job) =>
        ['confirm', 'cancel', 'confirm', 'confirm', 'cancel'].map((verb) => ({ ...job, verb })),
      ),
    );
    await trial.many(calls, 32, async ({ path, jobId, verb }) => {
      const job = owners.get(jobId);
      if (!job) return;
      if (verb === 'cancel') {
        const answer = await trial.load.cancel(job);
        trial.count(`cancel ${String(answer?.status)}`);
        return;
      }
      const { status } = await trial.load
        .clientOf(job)
        .send({ method: 'POST', path: `${path}/confirm`, operation: 'confirm', body: {}, jobId });
      trial.count(`confirm ${String(status)}`);
    });
  },
};

export const staleEdits: Fault = {
  ...NO_RECOVERY,
  number: 13,
  name: 'many edits name one version',
  does: '64 PATCHes of one draft at once, all with the same If-Match; again and again',
  holds: 'exactly one succeeds, 63 are refused with 412; the version rises by one; one audit row',
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(8); round += 1) {
      const { path, jobId } = await anUnconfirmedJob(trial);
      const owner = trial.load.jobs.find((job) => job.jobId === jobId);
      if (!owner) return;
      const client = trial.load.clientOf(owner);
      const read = await client.send({ method: 'GET', path, operation: 'read' });
      const version = Number(read.body['version']);
      const answers = await Promise.all(
        Array.from({ length: 64 }, (_, index) =>
          client.send({
            method: 'PATCH',
            path: `${path}/draft`,
            operation: 'edit',
            body: { notes: `writer ${String(index)}` },
            headers: { 'if-match': `"${String(version)}"` },
          }),
        ),
      );
      const tally = tallyOf(answers);
      trial.expect(
        tally['200'] === 1 && tally['412'] === 63,
        `64 edits of one version were answered ${JSON.stringify(tally)}`,
      );
      const [row] = await trial.deployment.server.sql<{ version: number; rows: number }>(
        `SELECT job.version::integer AS version, (
           SELECT count(*)::integer FROM audit_event AS audit
           WHERE audit.tenant_id = job.tenant_id AND audit.resource_id = job.job_id AND audit.version > $2
         ) AS rows
         FROM job WHERE job_id = $1`,
        [jobId, version],
      );
      trial.expect(
        row?.version === version + 1 && row.rows === 1,
        `after 64 edits of version ${version} there is ${JSON.stringify(row)}`,
      );
      trial.count('rounds');
      await trial.load.cancel(owner);
    }
  },
};

export const repeatedSubmits: Fault = {
  ...NO_RECOVERY,
  number: 14,
  name: 'one submit, 200 times at once',
  does: '200 identical POSTs with one Idempotency-Key; the key with another body; the key in another tenant',
  holds: 'one job, one answer; 422; a job of its own',
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(3, 1); round += 1) {
      const [client, other] = trial.clients;
      if (!client || !other) throw new Error('two tenants are needed');
      const key = `same-${trial.name}-${String(round)}`;
      const body = { plan: noopPlan(), confirm: true, labels: { race: key } };
      const post = { method: 'POST', path: '/v1/jobs', operation: 'race', idempotencyKey: key } as const;
      const answers = await Promise.all(Array.from({ length: 200 }, () => client.send({ ...post, body })));
      const ids = new Set(answers.filter(({ status }) => status === 201).map((answer) => answer.call.job_id));
      trial.expect(
        ids.size === 1 && tallyOf(answers)['201'] === 200,
        `200 identical submits were answered ${JSON.stringify(tallyOf(answers))} with ${ids.size} jobs`,
      );
      const changed = await client.send({
        ...post,
        operation: 'wrong: another body',
        body: { ...body, priority: 1 },
      });
      trial.expect(
        changed.status === 422,
        `the key with another body was answered ${String(changed.status)}`,
      );
      const foreign = await other.send({ ...post, body });
      trial.expect(
        foreign.status === 201 && !ids.has(foreign.call.job_id),
        `the key in another tenant was answered ${String(foreign.status)} ${String(foreign.call.job_id)}`,
      );
      const rows = await trial.deployment.server.sql<{ n: number }>(
        `SELECT count(*)::integer AS n FROM job WHERE labels ->> 'race' = $1 GROUP BY tenant_id`,
        [key],
      );
      trial.expect(
        rows.length === 2 && rows.every(({ n }) => n === 1),
        `the submits made ${JSON.stringify(rows)} jobs in their tenants`,
      );
      trial.count('rounds');
    }
  },
};

export const cancelRaces: Fault = {
  ...NO_RECOVERY,
  number: 31,
  name: 'cancels at every moment',
  does: 'jobs are cancelled at once, while they are claimed, while they run, while they settle, 16 callers at a time',
  holds: 'one end for each job; cancelled once answered never becomes succeeded',
  limitSeconds: 200,
  isInShortForm: true,
  conduct: async (trial) => {
    const rounds = Array.from({ length: trial.times(1_000, 150) }, (_, index) => index);
    await trial.many(rounds, 16, async (index) => {
      // Every twentieth runs a program, which a cancel has to end.
      const plan = index % 20 === 0 ? sleepPlan(400) : noopPlan(1 + (index % 3));
      const kind = { name: 'raced', ends: ['succeeded'], isHeavy: false, plan: () => plan } as const;
      const job = await trial.load.submit(kind);
      await trial.pause(0, index % 20 === 0 ? 900 : 60);
      const answer = await trial.load.cancel(job);
      trial.count(
        answer?.verdict === 'acknowledged' ? 'cancelled in time' : `too late: ${String(answer?.code)}`,
      );
    });
  },
};

function tallyOf(answers: readonly Answer[]): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const { status } of answers) tally[String(status)] = (tally[String(status)] ?? 0) + 1;
  return tally;
}
