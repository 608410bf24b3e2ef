import { writeFile } from 'node:fs/promises';
import { readArguments, USAGE } from './arguments.js';
import { checkAfterwards } from './check/afterwards.js';
import { Fuzzer } from './fuzzer.js';
import { linesOf, type Report } from './report.js';
import { FuzzedDeployment } from './world/fuzzed-deployment.js';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const args = (() => {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
})();

let deployment: FuzzedDeployment | null = null;
let closing: Promise<void> | null = null;
/** May be called twice: a signal and the end wait for the same. */
const close = (): Promise<void> => (closing ??= deployment?.close() ?? Promise.resolve());
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    say(`${signal}: ending what was started`);
    void close().finally(() => process.exit(code));
  });
}

try {
  deployment = await FuzzedDeployment.open();
  say(`seed ${String(args.seed)}, ${deployment.api.url}`);
  const begun = performance.now();
  const fuzzer = new Fuzzer(deployment, args, say);
  await fuzzer.run();
  const seconds = (performance.now() - begun) / 1_000;
  const afterwards = await checkAfterwards(deployment);
  const { complaints } = deployment;
  const findings = [...fuzzer.findings.values()];
  const faults = findings.length + complaints.length + afterwards.length;
  const routes = Object.fromEntries(fuzzer.answered);
  const report: Report = {
    seed: args.seed,
    requests: fuzzer.sent,
    seconds: Math.round(seconds),
    requests_per_second: Math.round(fuzzer.sent / seconds),
    slowest_ms: Math.round(fuzzer.slowestMs),
    findings,
    complaints,
    afterwards,
    routes,
    totals: { passed: Object.values(routes).filter(({ requests }) => requests > 0).length, failed: faults },
  };
  if (args.json !== null) await writeFile(args.json, `${JSON.stringify(report, null, 2)}\n`);
  for (const line of linesOf(report)) process.stdout.write(`${line}\n`);
  const asked = fuzzer.sent < args.requests ? ` of ${String(args.requests)} (ended early)` : '';
  process.stdout.write(
    `seed ${String(report.seed)}: ${String(report.requests)}${asked} requests in ${String(report.seconds)} s, slowest ${String(report.slowest_ms)} ms, ${String(faults)} faults\n`,
  );
  process.exitCode = faults > 0 ? 1 : 0;
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
} finally {
  await close();
}
process.exit();
