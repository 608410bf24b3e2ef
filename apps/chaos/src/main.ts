import { readArguments, USAGE } from './arguments.js';
import { writeFile } from 'node:fs/promises';
import { Campaigner } from './campaign.js';
import { writeMarkdown } from './report/markdown.js';
import { reportOf } from './report/report.js';

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

const campaigner = new Campaigner(args, say);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    say(`${signal}: ending what was started`);
    void campaigner.close().finally(() => process.exit(code));
  });
}

process.on('uncaughtException', (error) => {
  say(error.stack ?? error.message);
  void campaigner.close().finally(() => process.exit(1));
});

try {
  const command = [
    'npm run chaos --',
    ...process.argv.slice(2),
    ...(process.argv.includes('--seed') ? [] : ['--seed', args.seed]),
  ];
  const report = reportOf(await campaigner.run(), command.join(' '));
  if (args.json !== null) await writeFile(args.json, `${JSON.stringify(report, null, 2)}\n`);
  if (args.report !== null) await writeMarkdown(args.report, report);
  const { passed, failed, not_run } = report.totals;
  process.stdout.write(`${passed} passed, ${failed} failed, ${not_run} not run\n`);
  process.exitCode = failed > 0 ? 1 : 0;
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
} finally {
  await campaigner.close();
}
process.exit();
