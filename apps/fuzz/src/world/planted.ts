import type { Client } from '#testing';
import type { Ids } from './world.js';

const NOOP = { plan_version: 2, steps: [{ step_id: 'a', type: 'noop', params: {} }] };
const SQL = {
  plan_version: 2,
  steps: [{ step_id: 'a', type: 'sql', params: { sql: 'SELECT * FROM data' } }],
};

/** Jobs of every sort: just made, drafted, held, done with files, failed, cancelled, erased. */
export async function plantJobs(client: Client): Promise<Ids[]> {
  const made: Ids[] = [];
  for (let round = 0; round < 3; round += 1) {
    const id = (kind: string): string => `planted-${kind}-${String(round)}`;
    await make(client, { job_id: id('created'), requirement: 'Compare b by a', labels: { from: 'fuzz' } });
    made.push({ job_id: id('created') });
    await make(client, { job_id: id('held'), plan: NOOP, confirm: true, hold: true });
    made.push({ job_id: id('held') });
    await make(client, { job_id: id('later'), plan: NOOP, confirm: true, run_after: '2099-01-01T00:00:00Z' });
    made.push({ job_id: id('later') });
    await make(client, { job_id: id('cancelled'), plan: NOOP });
    await client.post(`/v1/jobs/${id('cancelled')}/cancel`, { reason: 'planted' });
    made.push({ job_id: id('cancelled') });
    made.push(await plantDone(client, id('done'), SQL));
    made.push(
      await plantDone(client, id('failed'), {
        ...SQL,
        steps: [{ step_id: 'a', type: 'sql', params: { sql: 'SELECT * FROM nowhere' } }],
      }),
    );
  }
  return made;
}

/** What another tenant has: everything of it holds the canary. */
export async function plantTheirs(
  client: Client,
  canary: string,
): Promise<{ ids: Ids; secretIds: string[] }> {
  const jobId = 'of-another-tenant';
  await make(client, { job_id: jobId, requirement: canary, labels: { secret: canary } });
  await client.upload(`/v1/jobs/${jobId}/inputs`, [
    { role: 'primary_dataset', name: 'data.csv', content: `a,b\n${canary},1\n` },
  ]);
  await client.post(`/v1/jobs/${jobId}/draft`, {}, { prefer: 'wait=30' });
  await client.post(`/v1/jobs/${jobId}/confirm`, { notes: canary });
  await client.get(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
  const { items: runs } = (await client.get<{ items: { run_id: string }[] }>(`/v1/jobs/${jobId}/runs`)).body;
  const files = await client.get<{ items: { rel_path: string }[] }>(`/v1/jobs/${jobId}/artifacts`);
  const key = await client.post<{ key_id: string }>('/v1/keys', { name: canary, scopes: ['jobs:read'] });
  const hook = await client.post<{ webhook_id: string }>('/v1/webhooks', {
    url: `https://hooks.invalid/${canary}`,
    types: ['job.succeeded'],
    description: canary,
  });
  const path = files.body.items.find(({ rel_path }) => rel_path.endsWith('.csv'))?.rel_path ?? 'plan.json';
  const secret = { run_id: runs[0]?.run_id, key_id: key.body.key_id, webhook_id: hook.body.webhook_id };
  const secretIds = Object.values(secret).filter((id) => id !== undefined);
  if (secretIds.length < 3) throw new Error('the other tenant could not be filled');
  return { ids: { job_id: jobId, path, dataset_key: 'data', revision: '1', ...defined(secret) }, secretIds };
}

async function plantDone(client: Client, jobId: string, plan: object): Promise<Ids> {
  await make(client, { job_id: jobId, plan });
  await client.upload(`/v1/jobs/${jobId}/inputs`, [
    { role: 'primary_dataset', name: 'data.csv', content: 'a,b\nx,1\ny,2\n' },
  ]);
  await client.post(`/v1/jobs/${jobId}/confirm`, {});
  const { body } = await client.get<{ status: string }>(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
  if (!['succeeded', 'failed'].includes(body.status)) throw new Error(`${jobId} is ${body.status}`);
  const { items } = (await client.get<{ items: { run_id: string }[] }>(`/v1/jobs/${jobId}/runs`)).body;
  return {
    job_id: jobId,
    dataset_key: 'data',
    path: body.status === 'succeeded' ? 'tables/a.csv' : 'plan.json',
    revision: '1',
    ...defined({ run_id: items[0]?.run_id }),
  };
}

async function make(client: Client, body: object): Promise<void> {
  const { status, bytes } = await client.post('/v1/jobs', body);
  if (status !== 201) throw new Error(`a job was refused: ${bytes.toString()}`);
}

function defined(ids: Record<string, string | undefined>): Ids {
  return Object.fromEntries(
    Object.entries(ids).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
