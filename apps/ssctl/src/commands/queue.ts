import type { Database } from '#database';
import { QueueControl, queueNamed, Redrive, type Redriven } from '#jobs';
import { type DeadLetter, Queue, type QueueName, QUEUES } from '#queue';
import { type Command, InvalidArgumentError } from 'commander';
import { operatorScope } from '../deployment.js';
import { notBlank } from '../not-blank.js';
import { queueLines } from '../status-lines.js';
import { answer, say, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface Which {
  queue?: QueueName;
  limit: number;
  json?: boolean;
}

type AsOperator = <T>(work: (database: Database) => Promise<T>) => Promise<T>;

const NAMES = Object.keys(QUEUES).join(', ');
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** `ssctl queue list | pause NAME | resume NAME | dead | redrive` */
export function addQueueCommands(program: Command, withDeployment: WithDeployment): void {
  const queue = program.command('queue').description(`the queues between the programs: ${NAMES}`);
  const asOperator: AsOperator = (work) => withDeployment((deployment) => deployment.asOperator(work));

  queue
    .command('list')
    .description('how full each queue is, and whether it is paused')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const items = await asOperator((database) => new QueueControl(database).list(operatorScope()));
      answer(json, { items }, () => queueLines(items));
    });

  for (const verb of ['pause', 'resume'] as const) {
    queue
      .command(verb)
      .description(
        verb === 'pause'
          ? 'let no worker take anything from it; what runs goes on'
          : 'end the pause, at once',
      )
      .argument('<name>', NAMES)
      .requiredOption('--reason <reason>', 'why; kept in the audit', notBlank)
      .option('--json', 'one JSON document')
      .action(async (name: string, { reason, json = false }: { reason: string; json?: boolean }) => {
        const state = await asOperator((database) =>
          new QueueControl(database)[verb]({ ...operatorScope(reason), reason }, name),
        );
        answer(json, state, () => queueLines([state]));
      });
  }

  which(queue.command('dead').description('messages that were given up, the longest dead first')).action(
    async ({ queue: name, limit, json = false }: Which) => {
      const items = await withRedrive(asOperator, (redrive) =>
        redrive.list(operatorScope(), { queue: name ?? null, limit }),
      );
      answer(json, { items: items.map(shownLetter) }, () =>
        items.length === 0
          ? ['nothing was given up']
          : table(
              ['QUEUE', 'TENANT', 'JOB', 'DIED', 'RETRIES'],
              items.map((letter) => [
                letter.queue,
                letter.tenantId,
                letter.jobId,
                letter.diedAt,
                String(letter.retries),
              ]),
            ),
      );
    },
  );

  which(queue.command('redrive').description('send again what was given up and its job still wants'))
    .option('--dry-run', 'only tell what would be sent')
    .option('--reason <reason>', 'why; kept in the audit', notBlank)
    .action(async (options: Which & { dryRun?: boolean; reason?: string }) => {
      const { queue: name, limit, dryRun = false, reason, json = false } = options;
      const items = await withRedrive(asOperator, (redrive) =>
        redrive.redrive(operatorScope(reason), { queue: name ?? null, limit, dryRun }),
      );
      const resent = items.filter(({ outcome }) => outcome === 'resent').length;
      const document = { dry_run: dryRun, resent, skipped: items.length - resent };
      answer(json, { ...document, items: items.map(shownRedriven) }, () => [
        ...items.map(lineOf),
        `${dryRun ? 'would send' : 'sent'} ${String(resent)}, skipped ${String(items.length - resent)}`,
      ]);
    });
}

function which(command: Command): Command {
  return command
    .option('--queue <name>', `only from this queue (${NAMES})`, queueNamed)
    .option('--limit <n>', `at most so many (up to ${String(MAX_LIMIT)})`, toLimit, DEFAULT_LIMIT)
    .option('--json', 'one JSON document');
}

/** With a queue that can send. */
async function withRedrive<T>(asOperator: AsOperator, work: (redrive: Redrive) => Promise<T>): Promise<T> {
  return asOperator(async (database) => {
    const queue = new Queue(database, operatorScope(), {
      consumes: false,
      onError: (error) => {
        say(`the queue: ${error.message}`);
      },
    });
    await queue.start();
    try {
      return await work(new Redrive(database, queue));
    } finally {
      await queue.stop();
    }
  });
}

function shownLetter(letter: DeadLetter): object {
  return {
    message_id: letter.messageId,
    queue: letter.queue,
    tenant_id: letter.tenantId,
    job_id: letter.jobId,
    died_at: letter.diedAt,
    retries: letter.retries,
  };
}

function shownRedriven(letter: Redriven): object {
  const { outcome, skipped, jobStatus } = letter;
  return { ...shownLetter(letter), outcome, skipped, job_status: jobStatus };
}

const WHY_SKIPPED = {
  JOB_MISSING: 'there is no such job',
  NOT_WANTED: 'its work is not wanted any more',
  WAITS_ALREADY: 'a message waits already',
} as const;

function lineOf({ outcome, skipped, queue, tenantId, jobId, jobStatus }: Redriven): string {
  const why = skipped === null ? '' : `  (${WHY_SKIPPED[skipped]}; the job is ${jobStatus ?? 'gone'})`;
  return `${outcome === 'resent' ? 'send' : 'skip'}  ${queue}  ${tenantId}/${jobId}${why}`;
}

function toLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new InvalidArgumentError(`must be a whole number from 1 to ${String(MAX_LIMIT)}`);
  return limit;
}
