import { SsClient, SsProblem } from '#client';
import { type Client, Deployment } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { stagedClient } from './client-package.js';
import { PENGUINS_CSV } from './penguins.js';
import { noop, planOf } from './plans.js';

const run = promisify(execFile);
const FILES = ['generated/v1', 'index', 'job-shapes', 'repeating-fetch', 'ss-client', 'ss-problem'];

let deployment: Deployment;
let raw: Client;
let ss: SsClient;

beforeAll(async () => {
  deployment = await Deployment.open();
  const [api] = await Promise.all([deployment.api(), deployment.worker()]);
  raw = await deployment.client(api);
  ss = new SsClient({ url: raw.url, key: raw.key! });
});
afterAll(async () => {
  await deployment.close();
});

describe('the TypeScript client', () => {
  it('takes a job from the question to its files, and waits without being asked twice', async () => {
    const job = await ss.createJob({ requirement: 'Compare body_mass_g between species' });
    await ss.upload(job.job_id, [{ role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS_CSV }]);
    const draft = await ss.draft(job.job_id);
    expect(draft.status).toBe('ready');
    await ss.confirm(job.job_id, { version: draft.version, draftRevision: draft.revision!, notes: 'fine' });
    const ended = await ss.ended(job.job_id);
    expect([ended.status, ended.job_id]).toEqual(['succeeded', job.job_id]);
    const [first] = (await ss.artifacts(job.job_id)).filter(({ rel_path }) => rel_path.includes('/'));
    expect((await ss.artifact(job.job_id, first!.rel_path)).length).toBe(first!.bytes);
    expect((await ss.runs(job.job_id)).map(({ status }) => status)).toEqual(['succeeded']);
    expect((await ss.audit(job.job_id)).length).toBeGreaterThan(4);
  });

  it('throws a refusal by its code, with the request that the log knows', async () => {
    const refusal: unknown = await ss.job('not-there').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SsProblem);
    const problem = refusal as SsProblem;
    expect([problem.status, problem.code, problem.is('JOB_NOT_FOUND')]).toEqual([404, 'JOB_NOT_FOUND', true]);
    expect(problem.problem['request_id']).toBe(problem.requestId);
    const invalid = (await ss.createJob({ priority: 1e9 }).catch((error: unknown) => error)) as SsProblem;
    expect(invalid.errors.map(({ pointer }) => pointer)).toEqual(['/priority']);
  });

  it('makes one job when the answer to the first attempt is lost', async () => {
    // A network that carries the first request to the API, and its answer nowhere.
    let lost = 0;
    const lossy = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        void (async () => {
          const headers = {
            ...request.headers,
            host: undefined,
            connection: undefined,
            'content-length': undefined,
          };
          const known = Object.entries(headers).filter(
            (entry): entry is [string, string] => typeof entry[1] === 'string',
          );
          const answer = await fetch(`${raw.url}${request.url ?? ''}`, {
            method: 'POST',
            headers: Object.fromEntries(known.filter(([name]) => name !== 'transfer-encoding')),
            body: Buffer.concat(chunks),
          });
          if (lost === 0) {
            lost += 1;
            response.destroy();
            return;
          }
          response.writeHead(answer.status, { 'content-type': 'application/json' });
          response.end(await answer.text());
        })();
      });
    });
    lossy.listen(0, '127.0.0.1');
    await once(lossy, 'listening');
    const { port } = lossy.address() as AddressInfo;
    const behind = new SsClient({
      url: `http://127.0.0.1:${port}`,
      key: raw.key!,
      repeats: { firstPauseMs: 5 },
    });
    const job = await behind.createJob({ plan: planOf(noop('a')), labels: { story: 'lost-answer' } });
    const { data } = await ss.api.GET('/v1/jobs', { params: { query: { label: ['story=lost-answer'] } } });
    expect(lost).toBe(1);
    expect(data!.items.map(({ job_id }) => job_id)).toEqual([job.job_id]);
    lossy.closeAllConnections();
    lossy.close();
  });

  it('stops waiting when its time is over', async () => {
    const { job_id } = await ss.createJob({ requirement: 'nobody confirms this' });
    await expect(ss.ended(job_id, { limitMs: 300 })).rejects.toThrow('the job has not ended within 300 ms');
  });

  it('is published with just these files', async () => {
    const folder = await stagedClient();
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--offline'], { cwd: folder });
    const [packed] = JSON.parse(stdout) as [{ name: string; files: { path: string }[] }];
    expect(packed.name).toBe('@ss/client');
    expect(packed.files.map(({ path }) => path).sort()).toEqual(
      [
        'README.md',
        'package.json',
        ...FILES.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]),
      ].sort(),
    );
  });
});
