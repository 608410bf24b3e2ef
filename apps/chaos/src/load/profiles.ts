/**
 * The programs that the load's `command` steps start, as an operator would register them. Every one of them carries
 * {@link MARK} in its command line, so that whatever outlives its step can be found.
 */
export const MARK = `ss-chaos-${String(process.pid)}`;

const profile = (script: string, more: object = {}): object => ({
  command: process.execPath,
  fixed_args: ['-e', script, '--', MARK],
  timeout_seconds: 30,
  ...more,
});

/** The argument of the plan comes after the mark. */
const ARGUMENT = 'Number(process.argv[2])';

export const PROFILES: Readonly<Record<string, object>> = {
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
