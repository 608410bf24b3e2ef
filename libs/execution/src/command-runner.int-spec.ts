import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Step } from '#plans';
import { Execution } from './execution.js';
import { StepFailed } from './step-failed.js';
import type { StepOutcome, StepRequest } from './step-request.js';
import { TestWorkspace } from './workspace.fixture.js';

let workspace: TestWorkspace;
const execution = new Execution({
  environment: { LICENCE: 'licence', SECRET: 'secret' },
  profiles: {
    sh: { command: 'sh', fixed_args: ['-c'], env: { FIXED: 'yes' }, pass_env: ['LICENCE', 'ABSENT'] },
    short: { command: 'sh', fixed_args: ['-c'], timeout_seconds: 2, max_output_bytes: 10 },
    quiet: { command: 'sh', fixed_args: ['-c'], max_output_bytes: 10 },
    echo: { command: 'printf', fixed_args: ['%s\\n'], args_pattern: '[a-zA-Z $;]+' },
    none: { command: '/nowhere/program' },
  },
});

beforeAll(async () => {
  workspace = await TestWorkspace.open();
  await workspace.sql(execution, 'SELECT 1 AS a', {}, 'table1');
});
afterAll(() => workspace.close());

function command(profile: string, args: string[], given: Partial<StepRequest> = {}): Promise<StepOutcome> {
  return workspace.run(execution, { step_id: 'k', type: 'command', params: { profile, args } }, given, [
    'table1',
  ]);
}

async function failure(run: Promise<unknown>): Promise<StepFailed> {
  const error: unknown = await run.catch((thrown: unknown) => thrown);
  if (error instanceof StepFailed) return error;
  throw new Error('the step did not fail as it should');
}

describe('a command step', () => {
  it('gives the program its data and keeps its outputs and logs', async () => {
    const script = `wc -l < inputs/penguins.csv; cat tables/table1.csv; ls tables >&2
                    mkdir outputs/sub; echo made > outputs/sub/ä.txt; echo 1 > outputs/b.csv`;
    const { files, summary } = await command('sh', [script]);
    expect(summary).toEqual({ exitCode: 0 });
    expect(files.map(({ relPath, kind, contentType }) => [relPath, kind, contentType])).toEqual([
      ['outputs/k/b.csv', 'command.output', 'text/csv'],
      ['outputs/k/sub/ä.txt', 'command.output', 'text/plain'],
      ['logs/k.stdout.txt', 'log.stdout', 'text/plain'],
      ['logs/k.stderr.txt', 'log.stderr', 'text/plain'],
    ]);
    expect(await workspace.read('outputs/k/sub/ä.txt')).toBe('made\n');
    expect(await workspace.read('logs/k.stdout.txt')).toBe('345\na\n1\n');
    expect(await workspace.read('logs/k.stderr.txt')).toBe('table1.csv\ntable1.parquet\n');
  });

  it('shows the program only the environment that its profile names', async () => {
    await command('sh', ['env | sort']);
    const names = (await workspace.read('logs/k.stdout.txt')).split('\n').map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['FIXED', 'HOME', 'LANG', 'LICENCE', 'PATH', 'TZ']));
    expect(names).not.toContain('SECRET');
  });

  it('passes arguments as they are, through no shell', async () => {
    await command('echo', ['$HOME; ls', 'b']);
    expect(await workspace.read('logs/k.stdout.txt')).toBe('$HOME; ls\nb\n');
  });

  it('cannot change the dataset that it was given', async () => {
    const before = await readFile(workspace.penguins.path, 'utf8');
    await command('sh', ['chmod u+w inputs/penguins.csv; echo gone > inputs/penguins.csv']);
    expect(await readFile(workspace.penguins.path, 'utf8')).toBe(before);
  });

  it('fails with the exit code and the last words of the program, and keeps its logs', async () => {
    const error = await failure(command('sh', ['echo out; echo "it broke in $PWD" >&2; exit 3']));
    expect(error.code).toBe('COMMAND_FAILED');
    expect(error.message).toContain('code 3: it broke in');
    expect(error.message).not.toContain(workspace.folder);
    expect(error.facts).toMatchObject({ exit_code: 3 });
    expect(error.files.map(({ relPath }) => relPath)).toEqual(['logs/k.stdout.txt', 'logs/k.stderr.txt']);
  });

  it("ends at its profile's time with all that it started, and keeps the beginning of its logs", async () => {
    const script = `trap '' TERM; echo 0123456789abc; sleep 600 & echo $! > ../../pid; wait; sleep 600`;
    const error = await failure(command('short', [script]));
    expect(error.code).toBe('STEP_TIMED_OUT');
    expect(await workspace.read('logs/k.stdout.txt')).toMatch(/^0123456789/);
    const pid = (await readFile(join(workspace.folder, 'pid'), 'utf8')).trim();
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    expect(state === '' || state.includes(') Z ')).toBe(true);
  });

  it('cuts long output, and does not wait for what the program left behind', async () => {
    const startedAt = Date.now();
    await command('quiet', ['echo 0123456789abc; sleep 600 &']);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    expect(await workspace.read('logs/k.stdout.txt')).toBe('0123456789\n[cut: 4 more bytes]\n');
  });

  it('ends a program that fills the disk', async () => {
    const little = new Execution({
      limits: { diskBytes: 20_000_000 },
      profiles: { sh: { command: 'sh', fixed_args: ['-c'] } },
    });
    const step: Step = {
      step_id: 'k',
      type: 'command',
      params: { profile: 'sh', args: ['head -c 50000000 /dev/zero > outputs/x; sleep 600'] },
    };
    expect((await failure(workspace.run(little, step))).code).toBe('RESULT_TOO_LARGE');
  });

  it.each([
    ['a symbolic link', 'ln -s /etc/passwd outputs/x'],
    ['a FIFO', 'mkfifo outputs/x'],
    ['a name that could mislead', 'touch "outputs/a\\\\b"'],
    [
      'a link in the place of the folder',
      'rmdir outputs; mkdir ../away; touch ../away/x; ln -s ../away outputs',
    ],
  ])('refuses %s among its outputs', async (_what, script) => {
    const error = await failure(command('sh', [script]));
    expect(error.code).toBe('COMMAND_OUTPUT_REFUSED');
  });

  it.each([
    ['COMMAND_PROFILE_UNKNOWN', 'constructor', []],
    ['COMMAND_ARGS_REFUSED', 'echo', ['a', '1']],
    ['COMMAND_NOT_STARTED', 'none', []],
  ])('refuses with %s', async (code, profile, args) => {
    expect((await failure(command(profile, args))).code).toBe(code);
  });
});

describe('a noop step', () => {
  it('does nothing', async () => {
    const outcome = await workspace.run(execution, { step_id: 'n', type: 'noop', params: {} });
    expect(outcome).toEqual({ files: [], summary: {} });
  });
});
