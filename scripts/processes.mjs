/** Child processes: which Node runs them, how signals reach them, what becomes of their output. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from './paths.mjs';

/** npm and the terminal both pass Ctrl-C on; a program that got it twice would take it for "at once". */
const SAME_SIGNAL_MS = 500;
const PARENT_LOOK_MS = 500;

const binFolder = join(root, 'node_modules/.bin');

const own = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** False when an installation was cut off before it fetched Node. */
export function hasNode() {
  return existsSync(own);
}

/** The project's own Node. */
export function nodeBinary() {
  if (hasNode()) return own;
  throw new Error(`${own} is missing; try: npm rebuild node --ignore-scripts=false`);
}

export function packageProgram(name, file) {
  return join(root, 'node_modules', name, file);
}

/** PATH with the project's programs first, so that a `node` that a child starts is the same one. */
export function withProjectPrograms(env) {
  return { ...env, PATH: [binFolder, ...otherFolders(env)].join(delimiter) };
}

/** PATH without them, for npm itself, which replaces them. */
export function withoutProjectPrograms(env) {
  return { ...env, PATH: otherFolders(env).join(delimiter) };
}

function otherFolders(env) {
  return (env.PATH ?? '').split(delimiter).filter((folder) => folder !== binFolder);
}

/**
 * Runs a program in the foreground; resolves with its exit code. It gets a process group of its own and every
 * signal once, from here, so that it can stop in order.
 */
export function runForward(program, args) {
  const child = spawn(program, args, {
    cwd: root,
    detached: process.platform !== 'win32',
    env: withProjectPrograms(process.env),
    stdio: 'inherit',
  });
  const last = {};
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const now = Date.now();
      if (now - (last[signal] ?? 0) < SAME_SIGNAL_MS) return;
      last[signal] = now;
      child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal); // a closed terminal asks for an orderly end as well
    });
  }
  // npm starts this through a shell that passes no signal on: whoever ends npm alone leaves us without a parent.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, PARENT_LOOK_MS);
  return ended(child).finally(() => clearInterval(watch));
}

/** Runs a program, keeps what it prints, and ends it with its whole group after the limit. */
export async function runCaptured(program, args, { env, limitMs }) {
  const child = spawn(program, args, {
    cwd: root,
    detached: process.platform !== 'win32',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  const end = () => killGroup(child.pid);
  const onSignal = (signal) => {
    end();
    process.exit(128 + constants.signals[signal]);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const timer = setTimeout(() => {
    chunks.push(Buffer.from(`\nended after ${limitMs / 1000} seconds\n`));
    end();
  }, limitMs);
  const code = await ended(child);
  clearTimeout(timer);
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  return { code, output: Buffer.concat(chunks).toString('utf8') };
}

function killGroup(pid) {
  try {
    if (process.platform === 'win32') process.kill(pid);
    else process.kill(-pid, 'SIGTERM');
  } catch {
    // it ended by itself
  }
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
