import type { FuzzedDeployment } from '../world/fuzzed-deployment.js';

const WAIT = { prefer: 'wait=60' };
const QUEUES = ['job.run', 'job.draft'];

/** The deployment still does its work: what is wrong otherwise. */
export async function checkAfterwards({ client, api, deployment }: FuzzedDeployment): Promise<string[]> {
  const wrong: string[] = [];
  const live = await fetch(`${api.url}/health/ready`);
  if (live.status !== 200) wrong.push(`/health/ready answers ${String(live.status)}`);
  // Pausing a queue is one of the things that were asked for.
  for (const queue of QUEUES) await client.post(`/v1/queues/${queue}/resume`, { reason: 'all is over' });
  const plan = { plan_version: 2, steps: [{ step_id: 'a', type: 'noop', params: {} }] };
  const made = await client.post<{ job_id: string }>('/v1/jobs', {
    plan,
    confirm: true,
    priority: 1_000_000,
  });
  if (made.status !== 201) return [...wrong, `a job is refused: ${made.bytes.toString()}`];
  const { body } = await client.get<{ status: string }>(`/v1/jobs/${made.body.job_id}`, WAIT);
  if (body.status !== 'succeeded') wrong.push(`a job is ${body.status} after a minute`);
  for (const { name, ended } of deployment.programs)
    if (await Promise.race([ended, Promise.resolve(null)])) wrong.push(`${name} has ended`);
  return wrong;
}
