/** `npm test`: every check there is, one line each, and at the end how many passed. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { nodeBinary, packageProgram, runCaptured, withProjectPrograms } from './processes.mjs';
import { buildAll } from './set-up.mjs';

const MINUTE_MS = 60_000;
/** The suites, with a real PgBouncer in transaction mode between every program and its database. */
const THROUGH_PGBOUNCER = '--through-pgbouncer';

/** The checks in the order of how soon they tell: name, program, arguments. Jest's are separate, they count tests. */
const checks = [
  [
    'types',
    packageProgram('typescript', 'bin/tsc'),
    '--noEmit',
    '-p',
    'tsconfig.json',
    '--tsBuildInfoFile',
    cache(),
  ],
  ['lint', packageProgram('eslint', 'bin/eslint.js'), '.', '--max-warnings', '0'],
  ['format', packageProgram('prettier', 'bin/prettier.cjs'), '--check', '.', '--log-level', 'warn'],
  ['dependencies', packageProgram('dependency-cruiser', 'bin/dependency-cruise.mjs'), 'apps', 'libs'],
  [
    'openspec',
    packageProgram('@fission-ai/openspec', 'bin/openspec.js'),
    ...'validate --specs --strict --no-interactive'.split(' '),
  ],
];
const suites = ['unit', 'integration', 'e2e'];
/** The short form of `npm run chaos`: each fault counts as one. */
const chaos = 'chaos';
/** The short form of `npm run fuzz`: each route that was asked counts as one. */
const fuzz = 'fuzz';
const names = ['build', ...checks.map(([name]) => name), ...suites, chaos, fuzz];

/** Runs the named checks (all when none is named); what follows `--` goes to jest. Answers with the exit code. */
export async function runTests(args) {
  const split = args.indexOf('--');
  const given = split < 0 ? args : args.slice(0, split);
  const pooled = given.includes(THROUGH_PGBOUNCER);
  const chosen = given.filter((name) => name !== THROUGH_PGBOUNCER);
  const forJest = split < 0 ? [] : args.slice(split + 1);
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`no such check: ${unknown.join(', ')}; there are: ${names.join(', ')}\n`);
    return 2;
  }
  const wanted = (name) => chosen.length === 0 || chosen.includes(name);
  const total = { passed: 0, failed: 0, tests: 0 };

  // The integration and end-to-end tests start what was built; so the build comes first, chosen or not.
  if (wanted('build') || suites.some(wanted) || wanted(chaos) || wanted(fuzz))
    await stage('build', total, buildSaid);
  for (const [name, ...command] of checks) {
    if (wanted(name)) await stage(name, total, () => runCaptured(nodeBinary(), command, options(8)));
  }
  for (const suite of suites) {
    if (wanted(suite)) await stage(suite, total, () => runSuite(suite, forJest, pooled));
  }
  // What follows `--` names tests of jest.
  if (wanted(chaos) && (forJest.length === 0 || chosen.includes(chaos)))
    await stage(chaos, total, () => runProgram(chaos));
  if (wanted(fuzz) && (forJest.length === 0 || chosen.includes(fuzz)))
    await stage(fuzz, total, () => runProgram(fuzz));
  if (suites.some(wanted) && total.tests === 0) {
    process.stdout.write('not a single test ran\n');
    total.failed += 1;
  }
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  return total.failed === 0 ? 0 : 1;
}

/** A check counts as one; a suite counts as one and its tests besides. */
async function stage(name, total, run) {
  const start = Date.now();
  const { code, output, passed = 0, failed = 0, skipped = 0 } = await run();
  const seconds = ((Date.now() - start) / 1000).toFixed(1).padStart(6);
  const isSuite = suites.includes(name) || name === chaos || name === fuzz;
  const numbers = isSuite ? `  ${passed} passed, ${failed} failed, ${skipped} skipped` : '';
  if (code !== 0 && output !== '') process.stdout.write(`${output.trimEnd()}\n`);
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(13)}${seconds} s${numbers}\n`);
  total.passed += passed + (code === 0 ? 1 : 0);
  total.failed += failed + (code === 0 ? 0 : 1);
  total.tests += passed + failed;
}

/** What tsc complains of has already been said by the set-up. */
async function buildSaid() {
  const { code } = await buildAll();
  return { code, output: '' };
}

/** Three times what the longest suite takes on two cores that nobody else uses. */
const SUITE_MINUTES = 15;

async function runSuite(suite, forJest, pooled) {
  const report = join(root, `node_modules/.cache/ss/jest-${suite}.json`);
  rmSync(report, { force: true });
  const command = [
    ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    ...[packageProgram('jest', 'bin/jest.js'), '--ci', '--passWithNoTests', '--selectProjects', suite],
    ...['--json', '--outputFile', report, ...forJest],
  ];
  const more = pooled ? { SS_TEST_THROUGH_PGBOUNCER: 'true' } : {};
  const { code, output } = await runCaptured(nodeBinary(), command, options(SUITE_MINUTES, more));
  const counted = readReport(report);
  // With --json jest prints its report, on one line, among what people read.
  const readable = output.split('\n').filter((line) => !line.startsWith('{"numFailedTestSuites"'));
  return { code, output: readable.join('\n'), ...counted };
}

/** What it says on its way is shown when it fails; the seed is in there, which brings the same chances again. */
async function runProgram(name) {
  const report = join(root, `node_modules/.cache/ss/${name}.json`);
  rmSync(report, { force: true });
  const command = [
    '--enable-source-maps',
    join(root, `dist/apps/${name}/src/main.js`),
    '--short',
    '--json',
    report,
  ];
  const { code, output } = await runCaptured(nodeBinary(), command, options(5));
  try {
    const { passed, failed, not_run: skipped = 0 } = JSON.parse(readFileSync(report, 'utf8')).totals;
    return { code, output, passed, failed, skipped };
  } catch {
    return { code: code || 1, output };
  }
}

function readReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch {
    return {}; // jest ended before it could write one; the stage has failed
  }
}

/** Tests see neither the database nor the settings of whoever runs them. */
function options(minutes, more = {}) {
  const foreign = /^(DATABASE_URL|NODE_OPTIONS|SS_.*|PG[A-Z]+)$/;
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const quiet = { NODE_ENV: 'test', OPENSPEC_TELEMETRY: '0', CI: 'true', FORCE_COLOR: '0' };
  const env = withProjectPrograms({ ...Object.fromEntries(own), ...quiet, ...more });
  return { env, limitMs: minutes * MINUTE_MS };
}

function cache() {
  const folder = join(root, 'node_modules/.cache/ss');
  mkdirSync(folder, { recursive: true });
  return join(folder, 'types.tsbuildinfo');
}
