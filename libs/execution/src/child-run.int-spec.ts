import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChildRequest } from './child-protocol.js';
import { childEntry, runChild, type ChildEnd } from './child-run.js';
import { EXECUTION_LIMITS } from './execution-limits.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ss-child-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const dataset = { datasetKey: 'd', format: 'csv', path: '/nowhere' } as const;
const request: ChildRequest = { task: { kind: 'inspect', dataset, sampleRows: 1 }, limits: EXECUTION_LIMITS };

/** Runs a child that behaves as the script says. */
async function misbehave(script: string, timeoutMs = 5_000, signal?: AbortSignal): Promise<ChildEnd> {
  const entry = join(folder, 'child.mjs');
  const pid = `import { writeFileSync } from 'node:fs'; writeFileSync('pid', String(process.pid));`;
  await writeFile(entry, `${pid}\n${script}`);
  return runChild(request, { entry, folder, path: '/usr/bin:/bin', heapMb: 64, timeoutMs, signal });
}

async function isRunning(file: string): Promise<boolean> {
  const pid = Number(await readFile(join(folder, file), 'utf8'));
  const state = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  // A zombie runs nothing any more; it only waits to be noticed.
  return state !== '' && !state.includes(') Z ');
}

async function until(condition: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  for (let waitedMs = 0; !(await condition()); waitedMs += 20) {
    if (waitedMs > limitMs) throw new Error('the condition never came true');
    await sleep(20);
  }
}

const STAY = `setInterval(() => {}, 1000); process.stdin.resume();`;
const GRANDCHILD = `
import { spawn } from 'node:child_process';
const other = spawn('sleep', ['600'], { stdio: 'inherit' });
writeFileSync('grandchild', String(other.pid));`;

describe('runChild', () => {
  it('brings back the answer', async () => {
    const end = await misbehave(`writeFileSync(3, '{"ok":true}');`);
    expect(end).toEqual({ kind: 'answered', text: '{"ok":true}' });
  });

  it.each([
    ['exits 0 without an answer', `process.exit(0);`, { exitCode: 0 }],
    ['exits with a code', `process.exit(7);`, { exitCode: 7 }],
    ['kills itself', `process.kill(process.pid, 'SIGKILL');`, { signal: 'SIGKILL' }],
    ['closes the pipe and stays', `import { closeSync } from 'node:fs'; closeSync(3); ${STAY}`, {}],
    ['closes its input at once', `process.stdin.destroy(); process.exit(1);`, { exitCode: 1 }],
  ])('notices a child that %s', async (_what, script, facts) => {
    expect(await misbehave(script)).toMatchObject({ kind: 'died', ...facts });
    expect(await isRunning('pid')).toBe(false);
  });

  it('keeps the end of standard error, which tells why a child died', async () => {
    const end = await misbehave(`const all = []; for (;;) all.push(new Array(100_000).fill({}));`, 20_000);
    expect(end).toMatchObject({ kind: 'died' });
    expect(end.kind === 'died' && end.stderrTail).toContain('heap out of memory');
  });

  it('refuses an answer without end', async () => {
    const end = await misbehave(`const mb = Buffer.alloc(1 << 20, 32); for (;;) writeFileSync(3, mb);`);
    expect(end.kind).toBe('died');
    expect(await isRunning('pid')).toBe(false);
  });

  it('ends a child that ignores SIGTERM and floods its output, when its time is over', async () => {
    const flood = `process.on('SIGTERM', () => {}); const mb = 'x'.repeat(1 << 16);
      const flood = () => { process.stdout.write(mb); process.stderr.write(mb, () => setImmediate(flood)); }; flood();`;
    const startedAt = Date.now();
    expect(await misbehave(flood, 500)).toEqual({ kind: 'timed_out' });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    expect(await isRunning('pid')).toBe(false);
  });

  it('ends grandchildren too: after an answer, a timeout and an abort', async () => {
    const answered = await misbehave(`${GRANDCHILD} writeFileSync(3, '{}'); process.exit(0);`);
    expect(answered.kind).toBe('answered');
    expect(await isRunning('grandchild')).toBe(false);

    expect(await misbehave(`${GRANDCHILD} ${STAY}`, 500)).toEqual({ kind: 'timed_out' });
    expect(await isRunning('grandchild')).toBe(false);

    await rm(join(folder, 'grandchild'));
    const controller = new AbortController();
    const run = misbehave(`${GRANDCHILD} ${STAY}`, 10_000, controller.signal);
    await until(() => existsSync(join(folder, 'grandchild')));
    controller.abort();
    expect(await run).toEqual({ kind: 'aborted' });
    expect(await isRunning('grandchild')).toBe(false);
  });

  it('shows a child nothing of its own environment', async () => {
    process.env['SS_TEST_SECRET'] = 'secret';
    const end = await misbehave(`writeFileSync(3, JSON.stringify(process.env));`);
    delete process.env['SS_TEST_SECRET'];
    const text = end.kind === 'answered' ? end.text : '';
    expect(JSON.parse(text)).toEqual({ PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC', HOME: folder });
  });

  it('reports a child that cannot be started', async () => {
    const entry = join(folder, 'none.mjs');
    const gone = join(folder, 'gone');
    const end = await runChild(request, { entry, folder: gone, path: '', heapMb: 64, timeoutMs: 2_000 });
    expect(end.kind).toBe('died');
  });
});

describe('the child', () => {
  it('ends by itself, with all it started, when its parent was killed', async () => {
    const task = {
      kind: 'command',
      command: 'sh',
      args: ['-c', 'sleep 600 & echo $! > grandchild; wait'],
      env: { PATH: '/usr/bin:/bin' },
      ...{ datasets: [], tables: [], maxLogBytes: 100 },
      ...{ stdoutPath: join(folder, 'stdout'), stderrPath: join(folder, 'stderr') },
    };
    const parent = spawn(
      process.execPath,
      [
        '-e',
        `const child = require('node:child_process').spawn(process.execPath, [${JSON.stringify(childEntry())}],
           { cwd: ${JSON.stringify(folder)}, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
         child.stdin.write(${JSON.stringify(JSON.stringify({ task, limits: EXECUTION_LIMITS }))} + '\\n');
         require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(child.pid));`,
      ],
      { stdio: 'ignore' },
    );
    const grandchild = join(folder, 'grandchild');
    await until(async () => existsSync(grandchild) && (await readFile(grandchild, 'utf8')).endsWith('\n'));
    expect(await isRunning('grandchild')).toBe(true);
    parent.kill('SIGKILL');
    await until(async () => !(await isRunning('pid')) && !(await isRunning('grandchild')));
  });
});
