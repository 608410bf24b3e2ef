import {
  breakOff,
  type Client,
  Deployment,
  eventually,
  type Problem,
  type Program,
  rawRequest,
  type Upload,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InputsBody } from '../src/inputs/inputs.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import type { RunPage } from '../src/runs/runs.body.js';
import { expectCleanLog } from './clean-log.js';
import { PENGUINS_CSV } from './penguins.js';
import { ENDLESS_SQL, planOf, sql } from './plans.js';

const UPLOAD_MAX_BYTES = 200_000;
const CANARY = 'CANARY-CELL-71c4';

let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;
/** A folder that has nothing to do with SS. */
let outside: string;

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), 'ss-e2e-'));
  deployment = await Deployment.open({
    SS_UPLOAD_MAX_BYTES: String(UPLOAD_MAX_BYTES),
    SS_STEP_MEMORY_MB: '64',
  });
  [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'hostile');
});
afterAll(async () => {
  await deployment.close();
  await rm(outside, { recursive: true });
});

const newJob = async (body: object = { requirement: 'x' }): Promise<string> =>
  `/v1/jobs/${(await client.post<JobBody>('/v1/jobs', body)).body.job_id}`;
const primary = (name: string, content: Upload['content']): Upload => ({
  role: 'primary_dataset',
  name,
  content,
});

describe('an upload that is refused leaves nothing behind', () => {
  const refused: readonly (readonly [
    what: string,
    files: readonly Upload[],
    status: number,
    code: string,
  ])[] = [
    [
      'is binary with the name of a CSV',
      [primary('x.csv', Uint8Array.from(Buffer.from('\0\x01\x02\xff\xfe\0,\0\n', 'latin1')))],
      400,
      'INPUT_PARSE_FAILED',
    ],
    [
      'has rows of other lengths than its header',
      [primary('x.csv', `a,b,c\n1,2,3\n1,2\n"${CANARY},4\n5`)],
      400,
      'INPUT_PARSE_FAILED',
    ],
    ['is empty', [primary('x.csv', '')], 400, 'INPUT_EMPTY_FILE'],
    ['is no Parquet', [primary('x.parquet', 'PAR1 and no more')], 400, 'INPUT_PARSE_FAILED'],
    ['is no workbook', [primary('x.xlsx', 'PK\u0003\u0004 and no more')], 400, 'INPUT_PARSE_FAILED'],
    ['is no JSON Lines', [primary('x.jsonl', `{"a":1}\n{"a":"${CANARY}"`)], 400, 'INPUT_PARSE_FAILED'],
    ['is in no format that is read', [primary('x.pdf', '%PDF')], 400, 'INPUT_UNSUPPORTED_FORMAT'],
    ['has no ending', [primary('x', 'a,b\n1,2\n')], 400, 'INPUT_UNSUPPORTED_FORMAT'],
    [
      'has a role that does not exist',
      [{ role: 'main', name: 'x.csv', content: 'a\n1\n' }],
      400,
      'INPUT_ROLE_INVALID',
    ],
    [
      'holds two primary datasets',
      [primary('a.csv', 'a\n1\n'), primary('b.csv', 'a\n1\n')],
      409,
      'INPUT_PRIMARY_DATASET_MULTIPLE',
    ],
    [
      'has one good file and one bad',
      [{ role: 'other', name: 'a.csv', content: 'a\n1\n' }, primary('b.csv', '')],
      400,
      'INPUT_EMPTY_FILE',
    ],
    ['has a name with a path', [primary('../../etc/x.csv', 'a\n1\n')], 400, 'INPUT_FILENAME_UNSAFE'],
    ['has a name with a backslash', [primary('a\\b.csv', 'a\n1\n')], 400, 'INPUT_FILENAME_UNSAFE'],
    [
      'has a name of 300 characters',
      [primary(`${'x'.repeat(300)}.csv`, 'a\n1\n')],
      400,
      'INPUT_FILENAME_UNSAFE',
    ],
    [
      'is too large',
      [primary('x.csv', 'a\n'.repeat(UPLOAD_MAX_BYTES))],
      413,
      'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
    ],
    ['holds no file', [], 400, 'INPUT_FILE_MISSING'],
  ];

  it.each(refused)('when it %s', async (_what, files, status, code) => {
    const path = await newJob();
    const before = [(await client.get(path)).body, await deployment.storedFiles()];
    const answer = await client.upload<Problem>(`${path}/inputs`, files);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect([(await client.get(path)).body, await deployment.storedFiles()]).toEqual(before);
    expect((await client.get<InputsBody>(`${path}/inputs`)).body.datasets).toEqual([]);
  });

  it('when a file comes without a role before it', async () => {
    const path = await newJob();
    const form = new FormData();
    form.append('file', new Blob(['a\n1\n']), 'first.csv');
    form.append('role', 'other');
    form.append('file', new Blob(['a\n1\n']), 'second.csv');
    const answer = await client.send<InputsBody & Problem>('POST', `${path}/inputs`, {}, form);
    expect([answer.status, answer.body.code]).toEqual([400, 'INPUT_ROLE_INVALID']);
  });

  it('when it comes as JSON, in a field of another name, or broken', async () => {
    const path = `${await newJob()}/inputs`;
    const json = await client.post<Problem>(path, { role: 'other' });
    expect([json.status, json.body.code]).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
    const form = new FormData();
    form.append('role', 'other');
    form.append('dataset', new Blob(['a\n1\n']), 'x.csv');
    const field = await client.send<Problem>('POST', path, {}, form);
    expect([field.status, field.body.code]).toEqual([400, 'INPUT_FILE_MISSING']);
    const unbounded = await client.send<Problem>(
      'POST',
      path,
      { 'content-type': 'multipart/form-data' },
      'x',
    );
    expect(unbounded.status).toBeGreaterThanOrEqual(400);
    expect(unbounded.status).toBeLessThan(500);
    expect((await deployment.storedFiles()).filter((name) => name.includes('inputs'))).toEqual([]);
  });

  it('when it is cut in the middle', async () => {
    const path = await newJob();
    const before = [(await client.get(path)).body, await deployment.storedFiles()];
    const part = (length: number): string =>
      `--b\r\nContent-Disposition: form-data; name="role"\r\n\r\nprimary_dataset\r\n` +
      `--b\r\nContent-Disposition: form-data; name="file"; filename="cut.csv"\r\n\r\n${PENGUINS_CSV.slice(0, length)}`;
    const head = (length: number, id: string): string =>
      `POST ${path}/inputs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.key!}\r\nX-SS-Request-Id: ${id}\r\n` +
      `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
    await breakOff(client.url, head(1_000_000, 'cut-1') + part(5_000));
    // The body is whole by its length, and yet no boundary ends the file.
    const unended = await rawRequest(client.url, head(part(5_000).length, 'cut-2') + part(5_000));
    expect([unended.status, (JSON.parse(unended.text) as Problem).code]).toEqual([400, 'INPUT_UPLOAD_CUT']);
    await eventually(() => api.find('SS_API_REQUEST', { request_id: 'cut-1' }), 10_000);
    await eventually(async () => (await deployment.storedFiles()).length === (before[1] as string[]).length);
    expect([(await client.get(path)).body, await deployment.storedFiles()]).toEqual(before);
    expect(
      (await client.upload<InputsBody>(`${path}/inputs`, [primary('whole.csv', PENGUINS_CSV)])).status,
    ).toBe(201);
  });

  it('and the next request on the same connection is answered', async () => {
    const path = `${await newJob()}/inputs`;
    const auth = `Host: x\r\nAuthorization: Bearer ${client.key!}\r\n`;
    const file = 'a,b\n'.repeat(1_000_000);
    const refusals = {
      413: `--b\r\nContent-Disposition: form-data; name="role"\r\n\r\nother\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n${file}\r\n--b--\r\n`,
      400: `--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n${file}\r\n--b--\r\n`,
    };
    for (const [status, body] of Object.entries(refusals)) {
      const answer = await rawRequest(
        client.url,
        `POST ${path} HTTP/1.1\r\n${auth}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
          `GET /v1/jobs HTTP/1.1\r\n${auth}Connection: close\r\n\r\n`,
      );
      expect([answer.status, answer.rest.slice(0, 15)]).toEqual([Number(status), 'HTTP/1.1 200 OK']);
    }
  });

  it('when the job is under way already', async () => {
    const path = await newJob({ plan: planOf(sql('a', 'SELECT 1 AS a')), confirm: true, hold: true });
    const answer = await client.upload<Problem>(`${path}/inputs`, [primary('x.csv', 'a\n1\n')]);
    expect([answer.status, answer.body.code]).toEqual([409, 'JOB_LOCKED']);
  });
});

describe('datasets', () => {
  it('can be taken away again, and then the draft is out of date', async () => {
    const path = await newJob({ requirement: 'Compare body_mass_g between species' });
    const none = await client.post<Problem>(`${path}/draft`);
    expect([none.status, none.body.code]).toEqual([409, 'INPUT_PRIMARY_DATASET_MISSING']);
    await client.upload(`${path}/inputs`, [
      primary('penguins.csv', PENGUINS_CSV),
      { role: 'auxiliary_data', name: 'penguins.csv', content: 'a,b\n1,2\n' },
    ]);
    const { body } = await client.get<InputsBody>(`${path}/inputs`);
    expect(body.datasets.map(({ dataset_key }) => dataset_key).sort()).toEqual(['penguins', 'penguins_2']);
    const second = await client.upload<Problem>(`${path}/inputs`, [primary('more.csv', 'a\n1\n')]);
    expect([second.status, second.body.code]).toEqual([409, 'INPUT_PRIMARY_DATASET_MULTIPLE']);
    expect((await client.post(`${path}/draft`, {}, { prefer: 'wait=30' })).status).toBe(200);
    const removed = await client.delete<JobBody>(`${path}/inputs/penguins_2`);
    expect(removed.status).toBe(200);
    const stale = await client.post<Problem>(`${path}/confirm`);
    expect([stale.status, stale.body.code]).toEqual([409, 'DRAFT_OUT_OF_DATE']);
    const gone = await client.delete<Problem>(`${path}/inputs/penguins_2`);
    expect([gone.status, gone.body.code]).toEqual([404, 'INPUT_DATASET_NOT_FOUND']);
  });
});

describe('SQL that wants more than the data', () => {
  const failureOf = async (text: string, more: object = {}): Promise<string> => {
    const path = await newJob({
      plan: planOf(sql('bad', text, more as Record<string, unknown>)),
      confirm: true,
    });
    const { body } = await client.get<JobBody>(path, { prefer: 'wait=60' });
    expect([text, body.status, body.error?.step_id]).toEqual([text, 'failed', 'bad']);
    expect(body.error!.message).not.toContain(deployment.folder);
    const { body: runs } = await client.get<RunPage>(`${path}/runs`);
    expect(runs.items.at(-1)!.error).toEqual(body.error);
    return body.error!.code;
  };

  it('fails, whatever it tries, and the worker lives', async () => {
    const victim = join(outside, 'victim.csv');
    await writeFile(victim, `secret\n${CANARY}\n`);
    const tries: Record<string, string> = {
      [`SELECT * FROM read_csv('${victim}')`]: 'SQL_FAILED',
      [`SELECT * FROM '${victim}'`]: 'SQL_FAILED',
      [`SELECT * FROM read_text('/etc/passwd')`]: 'SQL_FAILED',
      [`SELECT * FROM glob('/etc/*')`]: 'SQL_FAILED',
      [`SELECT * FROM read_csv('https://example.com/x.csv')`]: 'SQL_FAILED',
      [`COPY (SELECT 1) TO '${victim}'`]: 'SQL_NOT_ALLOWED',
      [`ATTACH '${victim}.duckdb' AS other`]: 'SQL_NOT_ALLOWED',
      'INSTALL httpfs': 'SQL_NOT_ALLOWED',
      'LOAD httpfs': 'SQL_NOT_ALLOWED',
      'SET enable_external_access = true': 'SQL_NOT_ALLOWED',
      'PRAGMA database_list': 'SQL_NOT_ALLOWED',
      'CREATE TABLE x AS SELECT 1': 'SQL_NOT_ALLOWED',
      'SELECT 1; SELECT 2': 'SQL_NOT_ALLOWED',
      SELECT: 'SQL_FAILED',
    };
    const codes = await Promise.all(
      Object.keys(tries).map(async (text) => [text, await failureOf(text)] as const),
    );
    expect(Object.fromEntries(codes)).toEqual(tries);
    expect(await readFile(victim, 'utf8')).toBe(`secret\n${CANARY}\n`);
  });

  it('is ended at its time when it never would', async () => {
    expect(await failureOf(ENDLESS_SQL, { timeout_seconds: 2 })).toBe('STEP_TIMED_OUT');
  });

  it('is ended when it eats memory, and the worker does the next job', async () => {
    const greedy = `SELECT list(repeat('x', 1000) || range) AS all_of_it FROM range(10000000)`;
    expect(await failureOf(greedy, { timeout_seconds: 60 })).toBe('STEP_OUT_OF_MEMORY');
    const path = await newJob({ plan: planOf(sql('fine', 'SELECT 42 AS answer')), confirm: true });
    expect((await client.get<JobBody>(path, { prefer: 'wait=30' })).body).toMatchObject({
      status: 'succeeded',
    });
    const runs = await client.get<RunPage>(`${path}/runs`);
    expect(worker.find('SS_WORKER_STARTUP')!['worker_id']).toBe(runs.body.items[0]!.worker_id);
  });
});

it('has logged all that as refusals and failures, and no cell of the data', () => {
  expectCleanLog(deployment, [client.key!, CANARY, 'Torgersen']);
  for (const program of [api, worker]) {
    expect(program.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  }
});
