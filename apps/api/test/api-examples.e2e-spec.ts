import { type Client, Deployment } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stagedClient } from './client-package.js';

const run = promisify(execFile);
const CHECKOUT = join(import.meta.dirname, '../../..');
const PAGE = join(CHECKOUT, 'docs/api-examples.md');
const LIMIT_MS = 100_000;

let deployment: Deployment;
let client: Client;
let folder: string;

beforeAll(async () => {
  deployment = await Deployment.open();
  const [api] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api);
  folder = join(deployment.folder, 'examples');
  await mkdir(join(folder, 'node_modules/@ss'), { recursive: true });
  await copyFile(join(CHECKOUT, 'examples/penguins.csv'), join(folder, 'penguins.csv'));
  await symlink(await stagedClient(), join(folder, 'node_modules/@ss/client'));
}, LIMIT_MS);
afterAll(async () => {
  await deployment.close();
});

/** The blocks of this language on the page, as they stand. */
async function blocks(language: string): Promise<string[]> {
  const page = await readFile(PAGE, 'utf8');
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, named]) => named === language)
    .map(([, , text = '']) => text);
}

/** Runs the only block of the language by the program; what it prints. */
async function runBlock(
  language: string,
  file: string,
  program: string,
  args: string[] = [],
): Promise<string> {
  const [text, ...more] = await blocks(language);
  expect([text === undefined, more]).toEqual([false, []]);
  await writeFile(join(folder, file), text!);
  const env = { PATH: process.env['PATH'] ?? '', SS_URL: client.url, SS_KEY: client.key ?? '' };
  const { stdout } = await run(program, [...args, file], { cwd: folder, env, timeout: LIMIT_MS });
  return stdout;
}

const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const unless = (program: string): typeof it => (isThere(program) ? it : it.skip) as typeof it;

describe('the examples of the documentation', () => {
  it('are in these languages, and each of them is run here', async () => {
    const page = await readFile(PAGE, 'utf8');
    const languages = [...page.matchAll(/^```(\w+)$/gm)].map(([, language]) => language);
    expect(languages).toEqual(['bash', 'ts', 'python']);
  });

  unless('curl')('run by curl', async () => {
    expect((await runBlock('bash', 'example.sh', 'bash')).trim()).toBe('succeeded');
    expect((await stat(join(folder, 'artifacts.zip'))).size).toBeGreaterThan(1_000);
  });

  it('run by the TypeScript client, as it is published', async () => {
    const said = await runBlock('ts', 'example.mts', process.execPath);
    expect(said.split('\n')).toEqual(
      expect.arrayContaining(['succeeded', '409 JOB_ILLEGAL_TRANSITION', '1']),
    );
    expect(said).toMatch(/^tables\/\S+\.csv \d+$/m);
  });

  it('are of the types that the client has', async () => {
    await writeFile(join(folder, 'typed.mts'), (await blocks('ts'))[0]!);
    const options = [
      '--noEmit',
      '--ignoreConfig',
      '--skipLibCheck',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
    ];
    const tsc = join(CHECKOUT, 'node_modules/typescript/bin/tsc');
    const check = run(process.execPath, [tsc, ...options, 'typed.mts'], { cwd: folder, timeout: LIMIT_MS });
    await expect(check).resolves.toMatchObject({ stdout: '' });
  });

  unless('python3')('run by Python, with nothing but its standard library', async () => {
    const said = await runBlock('python', 'example.py', 'python3');
    expect(said).toMatch(/^succeeded\n/);
    expect(said).toContain('Gentoo');
    expect(said).toContain('409 JOB_ILLEGAL_TRANSITION');
  });
});
