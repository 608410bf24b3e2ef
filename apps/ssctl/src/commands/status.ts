import type { Configuration } from '#configuration';
import type { Database } from '#database';
import { DeploymentStatus, type StatusReport } from '#jobs';
import { type Command, InvalidArgumentError } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { operatorScope } from '../deployment.js';
import { Screen } from '../screen.js';
import { statusLines } from '../status-lines.js';
import { onStopSignal } from '../stop-signal.js';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

const DEFAULT_TENANTS = 10;
const MAX_TENANTS = 1_000;
const DEFAULT_EVERY_SECONDS = 2;
const MAX_EVERY_SECONDS = 3_600;

/** `ssctl status | top` */
export function addStatusCommands(
  program: Command,
  withDeployment: WithDeployment,
  configuration: Configuration<'ssctl'>,
): void {
  const leaseMs = configuration.queueLeaseTtlSeconds * 1_000;
  const read = (database: Database, tenants: number): Promise<StatusReport> =>
    new DeploymentStatus(database, leaseMs).read(operatorScope(), { tenants });

  program
    .command('status')
    .description('queues, workers and what they run, who waits, migrations and seals')
    .option('--tenants <n>', 'how many of the tenants that wait', upTo(MAX_TENANTS), DEFAULT_TENANTS)
    .option('--json', 'one JSON document')
    .action(async ({ tenants, json = false }: { tenants: number; json?: boolean }) => {
      const status = await withDeployment((deployment) =>
        deployment.asOperator((database) => read(database, tenants)),
      );
      answer(json, status, () => statusLines(status));
    });

  program
    .command('top')
    .description('the same, drawn anew until q or Ctrl-C; printed once where there is no terminal')
    .option('--every <seconds>', 'how often', upTo(MAX_EVERY_SECONDS), DEFAULT_EVERY_SECONDS)
    .option('--tenants <n>', 'how many of the tenants that wait', upTo(MAX_TENANTS), DEFAULT_TENANTS)
    .action(async ({ every, tenants }: { every: number; tenants: number }) => {
      await withDeployment((deployment) =>
        deployment.asOperator(async (database) => {
          if (process.stdout.isTTY) {
            await redraw(() => read(database, tenants), every * 1_000);
            return;
          }
          const status = await read(database, tenants);
          answer(false, status, () => statusLines(status));
        }),
      );
    });
}

/** Draws until somebody wants to leave. A database that is away for a while is told of, and asked again. */
async function redraw(read: () => Promise<StatusReport>, everyMs: number): Promise<void> {
  const left = new AbortController();
  const leave = (): void => {
    left.abort();
  };
  const forgetSignals = onStopSignal(leave, leave);
  const screen = new Screen({ input: process.stdin, output: process.stdout }, leave);
  let lines: string[] = [];
  screen.open();
  try {
    while (!left.signal.aborted) {
      const [fault, status] = await read().then(
        (seen) => [null, seen] as const,
        (error: unknown) => [error instanceof Error ? error.message : String(error), null] as const,
      );
      if (status) lines = statusLines(status);
      screen.draw(fault === null ? lines : [`NOT ANSWERED: ${fault}; what follows is older`, ...lines]);
      await sleep(everyMs, undefined, { signal: left.signal }).catch(() => undefined);
    }
  } finally {
    screen.close();
    forgetSignals();
  }
}

function upTo(most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (number < 1 || number > most)
      throw new InvalidArgumentError(`must be a whole number from 1 to ${String(most)}`);
    return number;
  };
}
