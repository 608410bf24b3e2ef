import { type Client, Deployment, EventReader, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { ENDLESS_SQL, noop, planOf, sql } from './plans.js';

/** Prints, and goes on for some time after it. */
const TALK = `
  console.log('line 1');
  console.error('a warning');
  setTimeout(() => console.log('line 2'), 500);
  setTimeout(() => process.stdout.write('the end'), 3000);`;
const PROFILES = { talk: { command: process.execPath, fixed_args: ['-e', TALK] } };

let deployment: Deployment;
let api: Program;
let client: Client;
let theirs: Client;

beforeAll(async () => {
  deployment = await Deployment.open({ SS_EVENTS_HEARTBEAT_SECONDS: '1' });
  const profiles = { SS_COMMAND_PROFILES: await deployment.commandProfiles(PROFILES) };
  [api] = await Promise.all([deployment.api(profiles), deployment.worker(profiles)]);
  client = await deployment.client(api, 'mine');
  theirs = await deployment.client(api, 'theirs');
});
afterAll(async () => {
  await deployment.close();
});

const create = async (body: object = {}, by = client): Promise<JobBody> =>
  (await by.post<JobBody>('/v1/jobs', { plan: planOf(noop('a'), noop('b')), confirm: true, ...body })).body;

const STORY = [
  ...['job.created', 'job.drafted', 'job.confirmed', 'job.enqueued', 'job.started'],
  ...['step.started', 'step.ended', 'step.started', 'step.ended', 'job.succeeded'],
];

describe('GET /v1/jobs/{job_id}/events', () => {
  it('tells a job from its beginning to its end, and a browser’s client comes no second time', async () => {
    const job = await create();
    // By the package that stands for a browser's own client; it ends when that gives up for good.
    const script = `
      import { EventSource } from 'eventsource';
      const headers = { authorization: 'Bearer ' + process.env.KEY };
      const source = new EventSource(process.env.URL, {
        fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
      });
      for (const type of process.env.TYPES.split(','))
        source.addEventListener(type, (event) => console.log(event.type));
      source.addEventListener('error', () => source.readyState === source.CLOSED && process.exit(0));`;
    const browser = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
      env: {
        KEY: client.key!,
        URL: `${client.url}/v1/jobs/${job.job_id}/events`,
        TYPES: [...new Set(STORY), 'stream.ended'].join(','),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
    });
    let told = '';
    browser.stdout.on('data', (chunk) => (told += String(chunk)));
    // It comes again with the last id, and 204 sends it away.
    expect(await once(browser, 'close')).toEqual([0, null]);
    expect(told.trim().split('\n')).toEqual([...STORY, 'stream.ended']);
  });

  it('says of each event what happened, and nothing of what the job is about', async () => {
    const job = await create({
      requirement: 'a secret question',
      plan: planOf(sql('q', 'SELECT 42 AS hidden')),
    });
    const stream = await EventReader.open(client, `/v1/jobs/${job.job_id}/events`);
    expect([stream.status, stream.headers['content-type'], stream.headers['cache-control']]).toEqual([
      200,
      'text/event-stream',
      'no-store',
    ]);
    expect(stream.headers['x-ss-request-id']).toMatch(/\S/);
    await eventually(() => stream.hasEnded, 40_000);
    expect(stream.text).toMatch(/^retry: \d{4}\n\n/);
    expect(stream.text).not.toMatch(/secret|hidden|42 AS/);
    const started = stream.events.find(({ event }) => event === 'job.started')!;
    expect(started.data).toMatchObject({
      ...{ event_id: Number(started.id), type: 'job.started', job_id: job.job_id },
      ...{ status: 'running', from_status: 'queued', version: 5 },
    });
    const ended = stream.events.find(({ event }) => event === 'step.ended')!;
    expect(ended.data).toMatchObject({
      step_id: 'q',
      status: null,
      detail: { step_type: 'sql', outcome: 'succeeded' },
    });
    expect(stream.events.at(-1)).toMatchObject({ event: 'stream.ended', data: { reason: 'job_ended' } });
  });

  it('goes on behind any event exactly where it was', async () => {
    const job = await create();
    await client.get(`/v1/jobs/${job.job_id}`, { prefer: 'wait=60' });
    const whole = await EventReader.open(client, `/v1/jobs/${job.job_id}/events`);
    await eventually(() => whole.hasEnded, 10_000);
    expect(whole.types).toEqual([...STORY, 'stream.ended']);
    for (const [index, { id }] of whole.events.slice(0, STORY.length - 1).entries()) {
      const by = index % 2 === 0 ? { 'last-event-id': id } : {};
      const query = index % 2 === 0 ? '?after=0' : `?after=${id}`;
      const rest = await EventReader.open(client, `/v1/jobs/${job.job_id}/events${query}`, by);
      await eventually(() => rest.hasEnded, 10_000);
      expect(rest.types).toEqual([...STORY.slice(index + 1), 'stream.ended']);
    }
    const last = whole.events[STORY.length - 1]!.id;
    const nothing = await client.get(`/v1/jobs/${job.job_id}/events?after=${last}`);
    expect(nothing.status).toBe(204);
  });

  it('follows a job that failed and was tried again beyond its first end', async () => {
    const job = await create({ plan: planOf(sql('broken', 'SELECT nothing_of_the_kind')) });
    await client.get(`/v1/jobs/${job.job_id}`, { prefer: 'wait=60' });
    await client.post(`/v1/jobs/${job.job_id}/retry`, { reason: 'once more' });
    const stream = await EventReader.open(client, `/v1/jobs/${job.job_id}/events?type=job.*`);
    await eventually(() => stream.hasEnded, 60_000);
    const ends = stream.types.filter((type) => type === 'job.failed');
    expect([ends.length, stream.types.includes('job.retried')]).toEqual([2, true]);
    expect(stream.events.findLast(({ event }) => event === 'job.failed')!.data).toMatchObject({
      detail: { error_code: 'SQL_FAILED' },
    });
  });

  it('is not there for another tenant, for a key without the scope, and behind what is no id', async () => {
    const job = await create();
    const path = `/v1/jobs/${job.job_id}/events`;
    const refusal = async (by: Client, headers = {}): Promise<[number, string]> => {
      const { status, body } = await by.get<Problem>(path, headers);
      return [status, body.code];
    };
    expect(await refusal(theirs)).toEqual([404, 'JOB_NOT_FOUND']);
    const writer = await deployment.key('mine', ['jobs:write']);
    expect(await refusal(client.withKey(writer.key))).toEqual([403, 'AUTH_SCOPE_MISSING']);
    expect(await refusal(client, { 'last-event-id': 'x' })).toEqual([400, 'INPUT_VALIDATION_FAILED']);
    expect((await client.send('HEAD', path)).headers.get('content-type')).toBe('text/event-stream');
  });
});

describe('what a step prints', () => {
  it('is told while it runs to who may read artifacts, and to nobody else', async () => {
    const job = await create({
      plan: planOf({ step_id: 'talk', type: 'command', params: { profile: 'talk', args: [] } }),
    });
    const path = `/v1/jobs/${job.job_id}/events`;
    const reader = await deployment.key('mine', ['jobs:read']);
    const [all, some] = [
      await EventReader.open(client, path),
      await EventReader.open(client.withKey(reader.key), path),
    ];
    await eventually(() => all.types.includes('step.log'), 30_000);
    expect(all.types).not.toContain('step.ended');
    await eventually(() => all.hasEnded && some.hasEnded, 30_000);
    const logs = all.events.filter(({ event }) => event === 'step.log').map(({ data }) => data['detail']);
    const linesOf = (stream: string): string[] =>
      (logs as { stream: string; lines: string[] }[])
        .filter((log) => log.stream === stream)
        .flatMap(({ lines }) => lines);
    expect([linesOf('stdout'), linesOf('stderr')]).toEqual([['line 1', 'line 2', 'the end'], ['a warning']]);
    expect(all.types.lastIndexOf('step.log')).toBeLessThan(all.types.indexOf('step.ended'));
    expect(some.types).not.toContain('step.log');
    expect(some.types).toContain('step.ended');
  });
});

describe('GET /v1/events', () => {
  it('tells what happens to the jobs of the tenant from now on, by filter, and of no other', async () => {
    const before = await create();
    const all = await EventReader.open(client, '/v1/events');
    const ends = await EventReader.open(client, '/v1/events?status=succeeded,failed&label=team=a');
    const steps = await EventReader.open(client, '/v1/events?type=step.ended');
    const foreign = await EventReader.open(theirs, '/v1/events');
    await eventually(() => all.text.includes('heartbeat') && foreign.text.includes('heartbeat'));
    const [one, two] = [
      await create({ labels: { team: 'a', x: 'y' } }),
      await create({ labels: { team: 'b' } }),
    ];
    await create({}, theirs);
    await eventually(
      () =>
        all.types.filter((type) => type === 'job.succeeded').length >= 2 &&
        foreign.types.includes('job.succeeded'),
      30_000,
    );
    await eventually(() => ends.events.length === 1 && steps.events.length >= 4);
    const jobsOf = (stream: EventReader): Set<unknown> =>
      new Set(stream.events.map(({ data }) => data['job_id']));
    expect(ends.events[0]!.data).toMatchObject({ job_id: one.job_id, status: 'succeeded' });
    expect([...jobsOf(all)].filter((id) => id !== before.job_id)).toEqual([one.job_id, two.job_id]);
    expect(new Set(steps.types)).toEqual(new Set(['step.ended']));
    expect(foreign.events.length).toBe(STORY.length);
    const ids = all.events.map(({ id }) => Number(id));
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    for (const stream of [all, ends, steps, foreign]) stream.close();
  });

  it('misses nothing over any number of connections that break', async () => {
    const whole = await EventReader.open(client, '/v1/events');
    await eventually(() => whole.text.includes('heartbeat'));
    let { lastEventId } = whole;
    const seen: string[] = [];
    const jobs = Array.from({ length: 12 }, () => create());
    for (let done = false; !done;) {
      const part = await EventReader.open(client, '/v1/events', { 'last-event-id': lastEventId });
      await eventually(() => part.events.length > 0, 30_000);
      part.close();
      seen.push(...part.events.map(({ id }) => id));
      lastEventId = part.events.at(-1)!.id;
      done = seen.length >= 12 * STORY.length;
    }
    await Promise.all(jobs);
    await eventually(() => whole.events.length === seen.length);
    expect(seen).toEqual(whole.events.map(({ id }) => id));
    whole.close();
  });

  it('is ended, soon, when its key is revoked', async () => {
    const key = await deployment.key('mine', ['jobs:read']);
    const mayNot = await EventReader.open(client.withKey(key.key), '/v1/events');
    const may = await EventReader.open(client, '/v1/events');
    await deployment.revoke(key);
    // A heartbeat is a second here.
    await eventually(() => mayNot.hasEnded, 5_000);
    expect(mayNot.events.at(-1)).toMatchObject({ event: 'stream.ended', data: { reason: 'key_ended' } });
    expect(may.hasEnded).toBe(false);
    may.close();
  });

  it('cuts a reader who takes nothing, and lets them go on where they were', async () => {
    const job = await create({ plan: planOf(sql('long', ENDLESS_SQL)) });
    const [{ run_id: runId }] = await eventually(async () => {
      const rows = await deployment.sql<{ run_id: string }>(
        `SELECT run_id FROM run WHERE tenant_id = 'mine' AND job_id = $1`,
        [job.job_id],
      );
      return rows.length > 0 ? (rows as [{ run_id: string }]) : null;
    }, 20_000);
    const slow = await EventReader.open(client, '/v1/events');
    await eventually(() => slow.text.includes('heartbeat'));
    slow.pause();
    const many = 20_000;
    await deployment.sql(
      `INSERT INTO run_event (tenant_id, job_id, run_id, step_id, type, detail)
       SELECT 'mine', $1, $2, 'fill-' || n, 'step.started', jsonb_build_object('filler', repeat('x', 500))
       FROM generate_series(1, $3::integer) AS n`,
      [job.job_id, runId, many],
    );
    const cut = async (): Promise<number> =>
      Number(
        /ss_event_streams_ended_total\{reason="slow_reader"\} (\d+)/.exec(await metricsPage())?.[1] ?? 0,
      );
    await eventually(async () => (await cut()) > 0, 30_000);
    slow.resume();
    await eventually(() => slow.hasEnded, 10_000);
    const isFill = ({ data }: { data: Record<string, unknown> }): boolean =>
      String(data['step_id']).startsWith('fill-');
    const first = slow.events.filter(isFill).length;
    expect(first).toBeLessThan(many);
    const rest = await EventReader.open(client, '/v1/events', { 'last-event-id': slow.lastEventId });
    await eventually(() => rest.events.filter(isFill).length >= many - first, 60_000);
    const fills = [...slow.events, ...rest.events].filter(isFill).map(({ data }) => String(data['step_id']));
    expect(fills).toEqual(Array.from({ length: many }, (_, n) => `fill-${n + 1}`));
    rest.close();
    await client.post(`/v1/jobs/${job.job_id}/cancel`, { reason: 'enough' });
  });
});

const metricsPage = async (of = api): Promise<string> => (await fetch(`${of.url}/metrics`)).text();

describe('many who follow', () => {
  it('get an event each, 1,000 of them, by one look and in bounded memory', async () => {
    const streams = 1_000;
    const many = await deployment.api({
      SS_EVENTS_HEARTBEAT_SECONDS: '15',
      SS_EVENTS_MAX_STREAMS_PER_TENANT: String(streams),
    });
    const by = (await deployment.client(many, 'crowd')).withKey((await deployment.key('crowd')).key);
    const rss = async (): Promise<number> =>
      Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${String(many.pid)}/status`, 'utf8'))![1]) / 1024;
    (await EventReader.open(by, '/v1/events')).close();
    const before = await rss();
    const readers: EventReader[] = [];
    for (let opened = 0; opened < streams; opened += 50)
      readers.push(
        ...(await Promise.all(Array.from({ length: 50 }, () => EventReader.open(by, '/v1/events')))),
      );
    expect(new Set(readers.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = await by.get<Problem>('/v1/events');
    expect([refused.status, refused.body.code]).toEqual([429, 'QUOTA_EVENT_STREAMS_EXCEEDED']);
    // Whatever their number: the pool of a test has five connections, and one more listens for log levels.
    const [{ connections }] = (await deployment.sql<{ connections: number }>(
      `SELECT count(*)::integer AS connections FROM pg_stat_activity
       WHERE datname = current_database() AND usename = 'ss_api_login'`,
    )) as [{ connections: number }];
    expect(connections).toBeLessThanOrEqual(2 * 7);
    const begun = performance.now();
    await create({}, by);
    await eventually(() => readers.every(({ types }) => types.includes('job.enqueued')), 15_000);
    const tookMs = performance.now() - begun;
    const grewMiB = (await rss()) - before;
    process.stdout.write(
      `1,000 streams: all told after ${tookMs.toFixed(0)} ms, ${grewMiB.toFixed(1)} MiB more\n`,
    );
    expect(grewMiB).toBeLessThan(200);
    for (const reader of readers) reader.close();
    await eventually(async () => (await metricsPage(many)).includes('ss_event_streams 0\n'), 15_000);
  });

  it('are told where to go on when the program leaves, and do not hold it up', async () => {
    const leaving = await deployment.api({ SS_API_SHUTDOWN_GRACE_SECONDS: '30', SS_EVENTS_MAX_STREAMS: '3' });
    const by = await deployment.client(leaving, 'left');
    const readers = await Promise.all(Array.from({ length: 3 }, () => EventReader.open(by, '/v1/events')));
    const refused = await by.get<Problem>('/v1/events');
    expect([refused.status, refused.body.code]).toEqual([503, 'EVENT_STREAMS_EXHAUSTED']);
    await eventually(() => readers.every(({ text }) => text.includes('heartbeat')));
    const asked = performance.now();
    expect(await leaving.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    for (const reader of readers) {
      expect(reader.events.at(-1)).toMatchObject({ event: 'stream.ended', data: { reason: 'shutdown' } });
      expect(reader.events.at(-1)!.data['resume_after']).toBe(Number(reader.lastEventId));
    }
    expect(leaving.find('SS_API_SHUTDOWN_COMPLETE')).toMatchObject({ cut: 0 });
  });
});

it('tells all of it in clean lines', () => {
  expectCleanLog(deployment, ['Bearer', 'a secret question']);
});
