import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildRequest } from './child-protocol.js';
import { endProcessGroup } from './process-group.js';

/** How a child came to its end; by the time that this is known, it and all it started are gone. */
export type ChildEnd =
  | { kind: 'answered'; text: string }
  | { kind: 'died'; exitCode: number | null; signal: string | null; stderrTail: string }
  | { kind: 'timed_out' }
  | { kind: 'aborted' };

export interface ChildRunOptions {
  /** The module to run; another one than the lib's own only in tests. */
  entry: string;
  folder: string;
  path: string;
  heapMb: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const STDERR_TAIL_CHARS = 8_192;
/** A child that has answered only has to leave; one that has left may still have bytes in its pipe. */
const LEAVE_MS = 2_000;
const DRAIN_MS = 500;

/** The compiled child. Under jest this module runs as TypeScript, while a child always runs what was built. */
export function childEntry(): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  if (import.meta.url.endsWith('.js')) return `${here}child/main.js`;
  return here.replace(/libs\/execution\/src\/$/, 'dist/libs/execution/src/child/main.js');
}

/** Runs one child in a process group of its own, and returns whatever the child does, within its time. */
export async function runChild(request: ChildRequest, options: ChildRunOptions): Promise<ChildEnd> {
  // Nothing that runs in a child needs to turn text into code; a chart's author might like to.
  const flags = [`--max-old-space-size=${String(options.heapMb)}`, '--disallow-code-generation-from-strings'];
  const child = spawn(process.execPath, [...flags, options.entry], {
    cwd: options.folder,
    // Nothing of the worker's environment: it holds its secrets.
    env: { PATH: options.path, LANG: 'C.UTF-8', TZ: 'UTC', HOME: options.folder },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const left = hasLeft(child);
  const stderr = keepTail(child);
  const answer = readAnswer(child);
  send(child, request);

  const stop = new AbortController();
  const end = await Promise.race([
    answer.then((text) => (text === null ? null : ({ kind: 'answered', text } as const))),
    left.then(() => null),
    limitReached(options, stop.signal),
  ]);
  stop.abort();
  if (end === null || end.kind === 'answered') await within(left, LEAVE_MS);
  if (child.pid !== undefined) await endProcessGroup(child.pid);
  const exit = await within(left, LEAVE_MS);
  const text = end === null ? await within(answer, DRAIN_MS) : null;
  for (const stream of child.stdio) stream?.destroy();
  if (end !== null) return end;
  if (text !== null) return { kind: 'answered', text };
  return {
    kind: 'died',
    exitCode: exit?.exitCode ?? null,
    signal: exit?.signal ?? null,
    stderrTail: stderr(),
  };
}

function hasLeft(child: ChildProcess): Promise<{ exitCode: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal });
    });
    // It could not even be started.
    child.once('error', () => {
      resolve({ exitCode: null, signal: null });
    });
  });
}

/** Standard input stays open after the request: its end is how a child notices that its parent is no more. */
function send(child: ChildProcess, request: ChildRequest): void {
  child.stdin?.on('error', () => undefined);
  child.stdin?.write(`${JSON.stringify(request)}\n`);
}

/** Output is read, or the child would stand still, but only the end of standard error is kept. */
function keepTail(child: ChildProcess): () => string {
  let tail = '';
  child.stdout?.on('error', () => undefined).resume();
  child.stderr
    ?.on('error', () => undefined)
    .on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-STDERR_TAIL_CHARS);
    });
  return () => tail;
}

/** The whole answer once the child has closed the pipe; null when it said nothing, or too much. */
async function readAnswer(child: ChildProcess): Promise<string | null> {
  // The fourth pipe was asked for above, and a child's output pipes are readable.
  const pipe = child.stdio[3] as Readable | null | undefined;
  if (!pipe) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  pipe.on('error', () => undefined);
  pipe.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
    else pipe.destroy();
  });
  await once(pipe, 'close').catch(() => undefined);
  return bytes === 0 || bytes > MAX_ANSWER_BYTES ? null : Buffer.concat(chunks).toString('utf8');
}

async function limitReached(
  { timeoutMs, signal }: ChildRunOptions,
  stop: AbortSignal,
): Promise<{ kind: 'timed_out' | 'aborted' }> {
  const either = signal ? AbortSignal.any([signal, stop]) : stop;
  try {
    await sleep(timeoutMs, undefined, { signal: either });
    return { kind: 'timed_out' };
  } catch {
    return { kind: 'aborted' };
  }
}

async function within<T>(promise: Promise<T>, limitMs: number): Promise<T | null> {
  const stop = new AbortController();
  const limit = sleep(limitMs, null, { signal: stop.signal }).catch(() => null);
  const first = await Promise.race([promise, limit]);
  stop.abort();
  return first;
}
