import { readArguments, USAGE } from './arguments.js';
import { Campaigner } from './campaign.js';

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
  const { results } = await campaigner.run();
  process.exitCode = results.some(({ verdict }) => verdict === 'violated') ? 1 : 0;
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
} finally {
  await campaigner.close();
}
process.exit();
