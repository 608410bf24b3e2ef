import { Deployment, Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.open();
});
afterAll(async () => {
  await deployment.close();
});

describe.each(['api', 'worker'] as const)('the program %s', (name) => {
  const start = (): Promise<Program> => (name === 'api' ? deployment.api() : deployment.worker());

  it('names every fault of its configuration at once, and no value', async () => {
    const port = name === 'api' ? 'SS_API_PORT' : 'SS_WORKER_PORT';
    const wrong = {
      DATABASE_URL: 'mysql://root:CANARY-PASSWORD@nowhere/x',
      [port]: 'CANARY-PORT',
      SS_LOG_LEVEL: 'CANARY-LEVEL',
      SS_DATABASE_POOL_SIZE: '-5',
    };
    const program = Program.launch(name, deployment.place(name, wrong));
    const { code } = await program.ended;
    expect(code).toBeGreaterThan(0);
    const said = [...program.output, ...program.errors].join('\n');
    for (const setting of Object.keys(wrong)) expect(said).toContain(setting);
    expect(said).not.toMatch(/CANARY|-5\b/);
  });

  it('gives up, in one sentence, on a database that is not there', async () => {
    const nowhere = {
      DATABASE_URL: 'postgresql://nobody:CANARY-PASSWORD@127.0.0.1:1/ss',
      SS_DATABASE_WAIT_SECONDS: '1',
    };
    const program = Program.launch(name, deployment.place(name, nowhere));
    const { code } = await program.ended;
    expect(code).toBe(1);
    expect(program.log.filter(({ event }) => event === 'SS_DATABASE_AWAITED')).toHaveLength(1);
    expect(program.log.filter(({ level }) => level === 'fatal')).toEqual([
      expect.objectContaining({
        code: 'DATABASE_UNAVAILABLE',
        message: expect.stringContaining('unreachable'),
      }),
    ]);
    expect([...program.output, ...program.errors].join('\n')).not.toContain('CANARY');
  });

  it('answers its probes, and leaves in order when it is asked to', async () => {
    const program = await start();
    expect((await fetch(`${program.url}/health/live`)).status).toBe(200);
    const ready = await fetch(`${program.url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, expect.objectContaining({ status: 'ok' })]);
    expect(program.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await program.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    const log = program.log.map(({ event }) => event);
    expect(log.slice(-1)).toEqual([`SS_${name.toUpperCase()}_SHUTDOWN_COMPLETE`]);
    expect(program.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    expect(program.errors).toEqual([]);
  });

  it('leaves by Ctrl-C as well', async () => {
    const program = await start();
    expect(await program.stop('SIGINT')).toEqual({ code: 0, signal: null });
  });
});

it('answers a request that waits at once when the API leaves', async () => {
  const api = await deployment.api();
  const client = await deployment.client(api);
  const { body: job } = await client.post<{ job_id: string }>('/v1/jobs', { requirement: 'x' });
  const waiting = client.get<{ status: string }>(`/v1/jobs/${job.job_id}`, { prefer: 'wait=60' });
  // Sent later and answered: so the first has long arrived.
  for (let later = 0; later < 3; later++) await client.get('/v1/jobs');
  api.signal('SIGTERM');
  const answer = await waiting;
  expect([answer.status, answer.body.status]).toEqual([200, 'created']);
  expect(answer.headers.get('connection')).toBe('close');
  expect(await api.ended).toEqual({ code: 0, signal: null });
});
