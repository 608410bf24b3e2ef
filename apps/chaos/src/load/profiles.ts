/**
 * The programs that the load's `command` steps start, as an operator would register them. Every one of them carries
 * {@link MARK} in its command line, so that whatever outlives its step can be found.
 */
export const MARK = `ss-chaos-${String(process.pid)}`;

const profile = (script: string, more: object = {}): object => ({
  command: process.execPath,
  fixed_args: ['--max-old-space-size=64', '-e', script, '--', MARK],
  timeout_seconds: 30,
  ...more,
});

/** The argument of the plan comes after the mark. */
const ARGUMENT = 'Number(process.argv[2])';

const USUAL_PROFILES = {
  sleep: profile(`setTimeout(() => {}, ${ARGUMENT})`),
  exit: profile(`process.exit(${ARGUMENT})`),
  crash: profile(`process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 10000)`),
  // Ends by itself, but not when it is asked to.
  stubborn: profile(
    `for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => {}); setTimeout(() => {}, ${ARGUMENT})`,
  ),
  // Leaves two others behind, which would run on for a minute.
  children: profile(
    `for (const _ of [1, 2]) require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)', '--', process.argv[1]], { detached: false, stdio: 'ignore' }); setTimeout(() => process.exit(0), 100)`,
  ),
  chatty: profile(
    `for (let i = 0; i < 400; i += 1) { process.stdout.write('x'.repeat(10000) + '\\n'); process.stderr.write('y'.repeat(2000) + '\\n'); }`,
    { max_output_bytes: 100_000 },
  ),
  // Makes files as a step should.
  writes: profile(`require('node:fs').writeFileSync('outputs/note.txt', 'z'.repeat(${ARGUMENT}))`),
};

/** What no operator should register: for the fault of poison jobs. */
const POISON_PROFILES = {
  // Kills the worker: the parent of the process that carries out its step.
  poison: profile(
    `const { readFileSync } = require('node:fs');
     const parentOf = (pid) => Number(readFileSync('/proc/' + pid + '/stat', 'utf8').replace(/^.*\\) /s, '').split(' ')[1]);
     process.kill(parentOf(process.ppid), 'SIGKILL'); setTimeout(() => {}, 20000);`,
  ),
  hungry: profile(`const all = []; for (;;) all.push(new Array(1e6).fill(Math.random()));`),
  spin: profile(`process.on('SIGTERM', () => {}); for (;;);`),
  flood: profile(
    `const line = 'x'.repeat(1e6) + '\\n'; for (let i = 0; i < 64; i += 1) require('node:fs').writeSync(1, line); process.exit(1)`,
  ),
};

export const PROFILES: Readonly<Record<string, object>> = { ...USUAL_PROFILES, ...POISON_PROFILES };
