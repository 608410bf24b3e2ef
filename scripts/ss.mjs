#!/usr/bin/env node
/**
 * Every npm script starts here. It brings the checkout up to date (set-up.mjs) and then runs one command by the
 * Node that the project installs. This file and its neighbours run before anything is installed and on Node 18,
 * so they are plain JavaScript without dependencies.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { runForward, nodeBinary, packageProgram } from './processes.mjs';
import { setUp } from './set-up.mjs';

const USAGE = `usage: npm run <command> [-- arguments]

  setup       install, generate and build what is not up to date (build is the same)
  demo        one real job from upload to result, then stop everything       [-- --json]
  start       API and worker in the foreground until Ctrl-C                  [-- --json]
  api         the API alone                 worker      a worker alone
  fake-llm    a local stand-in for a language model, until Ctrl-C        [-- --help]
  ssctl       the operator's command line                                    [-- --help]
  chaos       one fault after the other on a deployment of its own            [-- --minutes 20 --seed 1]
  fuzz        valid and hostile requests to every route of a deployment of its own [-- --requests 20000 --seed 1]
  pack:client the TypeScript client as a package, in dist/packages
  test        every check; some of them:                                     [-- types lint unit]
              one jest file or name:                                         [-- unit -- libs/plans]
  test:corpus the lifting of a genuine legacy tree                           -- DIR
  bench       measure: audit-verify, import, overhead, quotas, tenants       -- import [--json]
  docs        write the generated documents anew
`;

const ssctl = join(root, 'dist/apps/ssctl/src/main.js');
const chaos = join(root, 'dist/apps/chaos/src/main.js');
const fuzz = join(root, 'dist/apps/fuzz/src/main.js');

const built = (path) => join(root, 'dist', path);

const commands = {
  setup: () => 0,
  build: () => 0,
  demo: (args) => runForward(nodeBinary(), ['--enable-source-maps', ssctl, 'demo', ...args]),
  start: (args) => runForward(nodeBinary(), ['--enable-source-maps', ssctl, 'start', ...args]),
  'fake-llm': (args) => runForward(nodeBinary(), ['--enable-source-maps', ssctl, 'fake-llm', ...args]),
  ssctl: (args) => runForward(nodeBinary(), ['--enable-source-maps', ssctl, ...args]),
  chaos: (args) => runForward(nodeBinary(), ['--enable-source-maps', chaos, ...args]),
  fuzz: (args) => runForward(nodeBinary(), ['--enable-source-maps', fuzz, ...args]),
  'pack:client': packClient,
  api: (args) => runForward(nodeBinary(), nestStart('api', args)),
  worker: (args) => runForward(nodeBinary(), nestStart('worker', args)),
  // In a process of its own: this one may be an older Node.
  'test:corpus': (args) => runForward(nodeBinary(), [join(root, 'scripts/test-corpus.mjs'), ...args]),
  bench: (args) => runForward(nodeBinary(), ['--enable-source-maps', built('bench/main.js'), ...args]),
  docs: writeDocs,
  test: async (args) => (await import('./test.mjs')).runTests(args),
};

/** Without a shell in between, which would swallow the signals. */
function nestStart(app, args) {
  const forwarded = args.length > 0 ? ['--', ...args] : [];
  return [packageProgram('@nestjs/cli', 'bin/nest.js'), 'start', app, '--no-shell', ...forwarded];
}

/** npm by its own program: the one that npm scripts run under. */
async function packClient() {
  const { stageClient } = await import('./client-package.mjs');
  const folder = await stageClient();
  return folder === null
    ? 1
    : runForward('npm', ['pack', folder, '--pack-destination', join(root, 'dist/packages')]);
}

async function writeDocs() {
  const load = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
  const { renderEnvExample, renderMarkdownTable } = await load('libs/configuration/src/index.js');
  const { renderErrors } = await load('apps/api/src/http/render-errors.js');
  const { renderEvents } = await load('libs/observability/src/index.js');
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(join(root, 'docs/errors.md'), renderErrors());
  writeFileSync(join(root, 'docs/events.md'), renderEvents());
  writeFileSync(join(root, '.env.example'), renderEnvExample());
  writeFileSync(join(root, 'docs/configuration.md'), renderMarkdownTable());
  const { writeDocuments } = await load('apps/api/src/openapi/write-documents.js');
  const breaking = await writeDocuments(join(root, 'docs/openapi'));
  await writeClientTypes();
  for (const fault of breaking) process.stderr.write(`${fault}\n`);
  if (breaking.length > 0)
    process.stderr.write('Not written: see docs/api-versioning.md, "A change that breaks".\n');
  return breaking.length > 0 ? 1 : 0;
}

/** Beside the document that they are made of, so that a change of the one is seen in the other. */
async function writeClientTypes() {
  const { renderClientTypes } = await import('./client-types.mjs');
  const document = JSON.parse(readFileSync(join(root, 'docs/openapi/v1.json'), 'utf8'));
  writeFileSync(join(root, 'libs/client/src/generated/v1.ts'), await renderClientTypes(document));
}

const [command = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(commands, command)) {
  process.stderr.write(USAGE);
  process.exit(command === '' || command === 'help' || command === '--help' ? 0 : 2);
}
process.chdir(root);
// `test` reports a build that fails among its checks, and goes on.
const ready = await setUp({ build: command !== 'test' });
process.exitCode = ready ? await commands[command](args) : 1;
