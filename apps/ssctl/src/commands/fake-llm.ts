import { BEHAVIOURS, draftByRules, FakeModelServer, isBehaviour, seededBehaviour } from '#fake-llm';
import { type Command, InvalidArgumentError } from 'commander';
import { onStopSignal } from '../stop-signal.js';
import { answer } from '../terminal.js';

const DEFAULT_PORT = 8765;

/** `ssctl fake-llm`: a stand-in for a language model, until Ctrl-C. */
export function addFakeLlmCommand(program: Command): void {
  program
    .command('fake-llm')
    .description('a local server that speaks OpenAI’s protocol and drafts by rules, until Ctrl-C')
    .option('--port <port>', 'where it listens, on this machine only', wholeNumber, DEFAULT_PORT)
    .option('--misbehave <name...>', `what the first requests meet: ${BEHAVIOURS.join(', ')}`, readBehaviours)
    .option('--random <seed>', 'half of all requests meet something, the same for the same seed', wholeNumber)
    .option('--json', 'one JSON line when it listens')
    .action(async (options: { port: number; misbehave?: string[]; random?: number; json?: boolean }) => {
      const stopAsked = new Promise<void>((resolve) => {
        onStopSignal(resolve, resolve);
      });
      const { random: seed } = options;
      const server = await FakeModelServer.start({
        port: options.port,
        answer: draftByRules,
        ...(seed === undefined ? {} : { behaviour: (n: number) => seededBehaviour(seed, n) }),
      });
      server.misbehave(...(options.misbehave ?? []).filter(isBehaviour));
      tell(options.json ?? false, server.url);
      await stopAsked;
      await server.stop();
    });
}

function tell(json: boolean, url: string): void {
  const base = url.replace(/\/v1$/, '');
  answer(json, { url }, () => [
    '',
    `A stand-in for a language model answers at ${url}`,
    'Try it, in another terminal:',
    `  SS_LLM_PROVIDER=openai_compatible SS_LLM_BASE_URL=${url} SS_LLM_MODEL=fake npm run demo`,
    'Order what the next requests meet, and read what the server saw:',
    `  curl -s ${base}/misbehave -d '["error_500", "retry_after_1"]'`,
    `  curl -s ${base}/log`,
    'Ctrl-C stops it.',
    '',
  ]);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

function readBehaviours(name: string, before: string[] | undefined): string[] {
  if (!isBehaviour(name)) throw new InvalidArgumentError(`one of ${BEHAVIOURS.join(', ')}`);
  return [...(before ?? []), name];
}
