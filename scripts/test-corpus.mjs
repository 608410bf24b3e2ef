/**
 * `npm run test:corpus -- DIR`: lifts a genuine legacy tree, which is kept outside of the repository, and compares
 * with what the legacy reader makes of each file. DIR holds `jobs/`, `queue/` and `EXPECTED.jsonl`, or is an archive of
 * such a folder. The tree is only read; everything else happens in a folder that goes away.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from './paths.mjs';
import { nodeBinary } from './processes.mjs';

const SSCTL = join(root, 'dist/apps/ssctl/src/main.js');
const KILLS = 6;

const load = (path) => import(new URL(`../dist/libs/${path}`, import.meta.url).href);

async function testCorpus([given]) {
  if (given === undefined || !existsSync(resolve(given))) {
    process.stderr.write('usage: npm run test:corpus -- DIR (or an archive .tar.gz)\n');
    return 2;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'ss-corpus-'));
  const corpus = await Corpus.open(resolve(given), scratch);
  try {
    await corpus.check();
  } finally {
    await corpus.close();
    rmSync(scratch, { recursive: true, force: true });
  }
  process.stdout.write(`${corpus.passed} passed, ${corpus.failed} failed\n`);
  return corpus.failed === 0 ? 0 : 1;
}

class Corpus {
  passed = 0;
  failed = 0;
  databases = 0;

  static async open(given, scratch) {
    const corpus = new Corpus();
    corpus.scratch = scratch;
    corpus.folder = unpacked(given, scratch);
    corpus.jobs = join(corpus.folder, 'jobs');
    // Split at \n alone: values hold other line ends.
    corpus.expected = readFileSync(join(corpus.folder, 'EXPECTED.jsonl'), 'utf8').split('\n').filter(Boolean);
    const { EmbeddedServer } = await load('database/src/index.js');
    mkdirSync(join(root, '.ss'), { recursive: true });
    corpus.server = await EmbeddedServer.temporary({ dataDir: mkdtempSync(join(root, '.ss/corpus-')) });
    return corpus;
  }

  async close() {
    await this.server.stop();
  }

  async check() {
    const before = fingerprintOf(this.folder);
    const first = await this.newDatabase();
    await this.check1stRun(first);
    const checksum = await this.checkVerified('the rows are what the files say', first, this.jobs);
    await this.checkAgain(first);
    const out = join(this.scratch, 'out');
    await this.checkExport(first, out);
    await this.checkWayBack(out, checksum);
    await this.checkKilled(checksum);
    await this.checkTwoAtOnce(checksum);
    await this.checkCutOver(checksum);
    this.is('the legacy tree is untouched', fingerprintOf(this.folder), before);
  }

  async check1stRun(database) {
    const report = join(this.scratch, 'report.jsonl');
    const run = await this.ssctl(database, [
      ...[
        'migrate',
        'run',
        '--root',
        this.jobs,
        '--queue',
        join(this.folder, 'queue'),
        '--report',
        report,
        '--json',
      ],
    ]);
    this.is('run ends with 2: some files are quarantined', run.code, 2);
    const lines = readFileSync(report, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const jobs = new Map(lines.filter((line) => line.kind === undefined).map((line) => [line.path, line]));
    this.is('the report has a line for each file', jobs.size, this.expected.length);
    const wrong = [];
    for (const text of this.expected) {
      const expected = JSON.parse(text);
      const line = jobs.get(expected.path.replace(/^jobs\//, ''));
      if (!isRight(expected, line)) wrong.push(`${expected.path}: ${line?.outcome} ${line?.reasons}`);
    }
    this.is(
      'what the legacy reader loads is lifted, the rest is repaired or quarantined for its reason',
      wrong,
      [],
    );
    const records = lines.filter((line) => line.kind === 'queue_record');
    const enqueued = records
      .filter((line) => line.outcome === 'enqueue')
      .map((line) => `${line.tenant_id} ${line.job_id}`);
    this.is(
      'the report has a line for each queue record',
      records.length,
      countFiles(join(this.folder, 'queue')),
    );
    this.is('no job is enqueued twice', new Set(enqueued).size, enqueued.length);
    const [secret] = secretsIn(this.expected);
    this.is(
      'no secret is in the report or the log',
      secret === undefined || !(run.stderr + readFileSync(report)).includes(secret),
      true,
    );
  }

  async checkAgain(database) {
    const run = await this.ssctl(database, ['migrate', 'run', '--root', this.jobs, '--json']);
    const { counts } = JSON.parse(run.stdout);
    this.is('a second run changes nothing', [counts.migrated, counts.repaired], [0, 0]);
  }

  async checkExport(database, out) {
    await this.ssctl(database, ['migrate', 'export', '--out', out, '--json']);
    const { parseJson } = await load('migration/src/format/parse-json.js');
    const { sortedJson } = await load('migration/src/rows/sorted-json.js');
    const { findJob } = await load('migration/src/tree/find-job.js');
    const wrong = [];
    for (const text of this.expected) {
      const { outcome, loaded, tenant, job_id: jobId, path } = parseJson(text).value;
      if (outcome !== 'OK') continue;
      const file = findJob(out, tenant, jobId);
      const exported = file ? parseJson(readFileSync(file.absolutePath, 'utf8')).value : {};
      const keys = [...new Set([...Object.keys(loaded), ...Object.keys(exported)])];
      const differing = keys.filter(
        (key) => sortedJson(exported[key] ?? null) !== sortedJson(loaded[key] ?? null),
      );
      const unexpected = differing.filter((key) => !mayDiffer(key, loaded, tenant));
      if (!file || unexpected.length > 0) wrong.push(`${path}: ${unexpected}`);
    }
    this.is('what is exported is what the legacy reader loaded', wrong, []);
  }

  async checkWayBack(out, checksum) {
    const fresh = await this.newDatabase();
    const run = await this.ssctl(fresh, ['migrate', 'run', '--root', out, '--json']);
    this.is(
      'all that was exported is taken in',
      [run.code, JSON.parse(run.stdout).counts.quarantined],
      [0, 0],
    );
    this.is(
      'run, export, run gives the same rows',
      await this.checkVerified('so says verify', fresh, out),
      checksum,
    );
  }

  async checkKilled(checksum) {
    const database = await this.newDatabase();
    let killed = 0;
    for (let round = 0; round < KILLS; round++) {
      const run = await this.ssctl(
        database,
        ['migrate', 'run', '--root', this.jobs, '--json'],
        400 + Math.random() * 1_500,
      );
      if (run.signal === 'SIGKILL') killed++;
    }
    const last = await this.ssctl(database, ['migrate', 'run', '--root', this.jobs, '--json']);
    this.is(`killed ${killed} times and started again, it ends`, last.code, 2);
    this.is('with the same rows', await this.checkVerified('so says verify', database, this.jobs), checksum);
    await this.checkAudit(database);
  }

  async checkTwoAtOnce(checksum) {
    const database = await this.newDatabase();
    const both = await Promise.all(
      [1, 2].map(() => this.ssctl(database, ['migrate', 'run', '--root', this.jobs, '--json'])),
    );
    this.is(
      'two at once both end',
      both.map((run) => run.code),
      [2, 2],
    );
    this.is('with the same rows', await this.checkVerified('so says verify', database, this.jobs), checksum);
    await this.checkAudit(database);
  }

  /** The runbook: an API that reads through, the run behind it, verify, and an API without the tree. */
  async checkCutOver(checksum) {
    const database = await this.newDatabase();
    await this.ssctl(database, ['tenant', 'create', 'default', '--json']);
    const { key } = JSON.parse((await this.ssctl(database, ['key', 'create', '--json'])).stdout);
    const reading = await this.api(database, { SS_LEGACY_JOBS_DIR: this.jobs });
    const loadable = this.expected
      .map((line) => JSON.parse(line))
      .filter(({ outcome, tenant }) => outcome === 'OK' && tenant === 'default');
    const asked = loadable.filter((_, index) => index % 20 === 0);
    const answers = await Promise.all(
      asked.map((job) => reading.get(`/v1/jobs/${encodeURIComponent(job.job_id)}`, key)),
    );
    const saysThat = ({ status, body }, { loaded }) =>
      status === 200 && body.requirement === (loaded.requirement?.replaceAll('\0', '\ufffd') ?? null);
    const right = answers.filter((answer, index) => saysThat(answer, asked[index]));
    this.is('an API that reads through answers for files', right.length, asked.length);
    let listed = 0;
    for (let cursor = ''; cursor !== null;) {
      const { body } = await reading.get(
        `/v1/jobs?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        key,
      );
      listed += body.items.length;
      cursor = body.next_cursor;
    }
    const repaired = this.expected.filter(
      (line) => line.includes('job_tc_') && JSON.parse(line).outcome !== 'OK',
    ).length;
    this.is('and lists rows and files together', listed, loadable.length + repaired);
    const run = await this.ssctl(database, [
      'migrate',
      'run',
      '--root',
      this.jobs,
      '--queue',
      join(this.folder, 'queue'),
      '--json',
    ]);
    this.is(
      'the run finds what was read through unchanged',
      [run.code, JSON.parse(run.stdout).counts.unchanged],
      [2, asked.length],
    );
    this.is(
      'the rows are the same',
      await this.checkVerified('so says verify', database, this.jobs),
      checksum,
    );
    await reading.stop();
    const switched = await this.api(database, {});
    const last = await switched.get(`/v1/jobs/${encodeURIComponent(loadable.at(-1).job_id)}`, key);
    this.is('an API without the tree answers for all', last.status, 200);
    await switched.stop();
  }

  /** The API as an operator starts it. */
  async api(database, env) {
    const program = join(root, 'dist/apps/api/src/main.js');
    const common = {
      DATABASE_URL: database,
      SS_DATA_DIR: join(this.scratch, 'data'),
      SS_API_PORT: '0',
      SS_LOG_LEVEL: 'info',
    };
    const child = spawn(nodeBinary(), [program], { env: { ...process.env, ...common, ...env }, cwd: root });
    const ended = new Promise((done) => child.on('close', done));
    const url = await new Promise((found, failed) => {
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
        const match = /"event":"SS_API_STARTUP","url":"([^"]+)"/.exec(text);
        if (match) found(match[1]);
      });
      child.on('close', () => failed(new Error(`the API ended: ${text}`)));
    });
    return {
      get: async (path, key) => {
        const answer = await fetch(url + path, { headers: { Authorization: `Bearer ${key}` } });
        return { status: answer.status, body: await answer.json() };
      },
      stop: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }

  /** One chain of audit rows a job, from nothing to what its row says. */
  async checkAudit(database) {
    const { Database } = await load('database/src/index.js');
    const operator = new Database({
      url: database,
      role: 'ss_operator',
      applicationName: 'corpus',
      onError: () => undefined,
    });
    const broken = await operator.acrossTenants(
      { actor: { kind: 'operator', id: 'corpus' }, source: 'test' },
      (tx) =>
        tx.query(`
        SELECT j.tenant_id, j.job_id FROM job AS j
        LEFT JOIN LATERAL (
          SELECT count(*) FILTER (WHERE from_status IS NULL) AS births, count(*) AS rows,
            (array_agg(to_status ORDER BY event_id DESC))[1] AS head, max(version) AS version
          FROM audit_event AS a
          WHERE a.tenant_id = j.tenant_id AND a.resource_type = 'job' AND a.resource_id = j.job_id
        ) AS a ON true
        WHERE a.births <> 1 OR a.head <> j.status OR a.version <> j.version OR a.rows > 2`),
    );
    await operator.close();
    this.is('each job has one chain of audit rows, and its head is the row', broken, []);
  }

  async checkVerified(what, database, tree) {
    const run = await this.ssctl(database, ['migrate', 'verify', '--root', tree, '--json']);
    const { ok, differences, checksum } = JSON.parse(run.stdout);
    this.is(what, [ok, differences], [true, []]);
    return checksum;
  }

  async newDatabase() {
    const { deploySchema } = await load('database/src/index.js');
    const { deployQueues } = await load('queue/src/index.js');
    const url = new URL(this.server.url);
    url.pathname = `/corpus_${++this.databases}`;
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: this.server.url });
    await client.connect();
    await client.query(`CREATE DATABASE corpus_${this.databases}`);
    await client.end();
    await deploySchema(url.toString());
    await deployQueues(url.toString());
    return url.toString();
  }

  /** Runs the command line as an operator would; after `killMs` it is killed. */
  ssctl(database, args, killMs = null) {
    const env = {
      ...process.env,
      DATABASE_URL: database,
      SS_DATA_DIR: join(this.scratch, 'data'),
      SS_LOG_LEVEL: 'info',
    };
    const child = spawn(nodeBinary(), [SSCTL, ...args], { env, cwd: root });
    const timer = killMs === null ? null : setTimeout(() => child.kill('SIGKILL'), killMs);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    return new Promise((done) => {
      child.on('close', (code, signal) => {
        if (timer !== null) clearTimeout(timer);
        done({ code, signal, stdout, stderr });
      });
    });
  }

  is(what, actual, expected) {
    const right = JSON.stringify(actual) === JSON.stringify(expected);
    if (right) this.passed++;
    else this.failed++;
    process.stdout.write(`${right ? 'ok    ' : 'FAILED'} ${what}\n`);
    if (!right)
      process.stdout.write(
        `       ${JSON.stringify(actual).slice(0, 2_000)}\n   not ${JSON.stringify(expected).slice(0, 2_000)}\n`,
      );
  }
}

/** The legacy reader's own events say why it refused a file. */
function isRight({ outcome, events }, line) {
  if (line === undefined) return false;
  if (outcome === 'OK') return ['migrated', 'repaired'].includes(line.outcome);
  if (line.outcome === 'repaired') return line.reasons.includes('OPTION_STRINGS');
  const reason = events.some((event) => event.startsWith('SS_JOB_JSON_SCHEMA_VERSION'))
    ? 'SCHEMA_VERSION_MISSING'
    : 'DOCUMENT_INVALID';
  return line.outcome === 'quarantined' && line.reasons[0] === reason;
}

/** Where rows say something else than the legacy reader, on purpose. */
function mayDiffer(key, loaded, tenant) {
  if (key === 'trace_id') return String(loaded.trace_id).startsWith('<');
  if (key === 'auth_token' || key === 'redeem_task_code') return loaded[key] !== null;
  if (key === 'tenant_id') return loaded.tenant_id !== tenant;
  // Interrupted and queued again.
  if (['status', 'version', 'runs'].includes(key)) return loaded.status === 'running';
  return key === 'requirement' && String(loaded.requirement).includes('\ufffd');
}

function secretsIn(lines) {
  return lines
    .map((line) => JSON.parse(line).loaded?.auth_token)
    .filter((token) => typeof token === 'string');
}

function unpacked(given, scratch) {
  if (statSync(given).isDirectory())
    return existsSync(join(given, 'jobs')) ? given : join(given, readdirSync(given)[0]);
  const folder = join(scratch, 'corpus');
  mkdirSync(folder);
  execFileSync('tar', ['-xzf', given, '-C', folder]);
  return join(folder, readdirSync(folder)[0]);
}

/** Names, sizes, times and modes of everything under the folder. */
function fingerprintOf(folder) {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true }).sort()) {
    const { size, mtimeMs, ctimeMs, mode, nlink } = lstatSync(join(folder, name));
    hash.update(JSON.stringify([name, size, mtimeMs, ctimeMs, mode, nlink]));
  }
  return hash.digest('hex');
}

function countFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;
}

process.exitCode = await testCorpus(process.argv.slice(2));
