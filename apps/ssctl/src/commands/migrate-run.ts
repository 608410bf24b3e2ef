import type { Configuration } from '#configuration';
import { type BatchOptions, countFiles, runBatch } from '#migration';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';
import { Progress } from '../progress.js';
import { ReportFile } from '../report-file.js';
import { answer, table } from '../terminal.js';
import { withImport } from '../with-import.js';
import type { WithDeployment } from '../with-deployment.js';

interface RunOptions {
  root: string;
  queue?: string;
  dryRun?: boolean;
  tenant?: string[];
  strict?: boolean;
  running: BatchOptions['running'];
  artifacts: BatchOptions['artifacts'];
  concurrency: number;
  report?: string;
  json?: boolean;
}

function toConcurrency(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 64) {
    throw new InvalidArgumentError('must be a whole number from 1 to 64');
  }
  return number;
}

export function addMigrateRun(
  migrate: Command,
  configuration: Configuration<'ssctl'>,
  withDeployment: WithDeployment,
): void {
  migrate
    .command('run')
    .description('lift every job.json under a folder into rows; may be stopped and started again')
    .requiredOption('--root <dir>', 'the legacy SS_JOBS_DIR; it is only read')
    .option('--queue <dir>', 'the legacy SS_QUEUE_DIR, to reconcile its records')
    .option('--dry-run', 'say what would be done, and write nothing')
    .option('--tenant <tenants...>', 'these tenants alone')
    .option('--strict', 'take only what the legacy reader takes')
    .addOption(
      new Option('--running <policy>', 'what becomes of jobs that a legacy worker left running')
        .choices(['requeue', 'fail', 'keep'])
        .default('requeue'),
    )
    .addOption(
      new Option('--artifacts <policy>', 'what becomes of the files that jobs list')
        .choices(['copy', 'link', 'skip'])
        .default('copy'),
    )
    .option('--concurrency <n>', 'chunks under way at a time', toConcurrency, 2)
    .option('--report <file>', 'a line of JSON for each file that was met')
    .option('--json', 'one JSON document')
    .action(async (given: RunOptions) => {
      const options: BatchOptions = {
        root: resolve(given.root),
        queue: given.queue === undefined ? null : resolve(given.queue),
        tenants: given.tenant ?? null,
        strict: given.strict ?? false,
        running: given.running,
        artifacts: given.artifacts,
        concurrency: given.concurrency,
        dryRun: given.dryRun ?? false,
      };
      const progress = new Progress();
      if (progress.isWatched) {
        // Beside the work: it only opens folders. Without it there is no end to reckon with.
        void countFiles(options).then(
          (total) => {
            progress.expect(total);
          },
          () => undefined,
        );
      }
      const report = await ReportFile.open(given.report ?? null);
      const begun = performance.now();
      try {
        const result = await withDeployment((deployment) =>
          withImport(deployment, configuration, options.concurrency, (jobs) =>
            runBatch(jobs, options, async (items) => {
              progress.add(items.map((item) => item.outcome));
              await report.write(items);
            }),
          ),
        );
        const seconds = (performance.now() - begun) / 1_000;
        progress.end();
        const document = {
          batch_id: result.batchId,
          dry_run: options.dryRun,
          ...{ root: options.root, counts: result.counts, reasons: result.reasons },
          ...(result.queue ? { queue: result.queue } : {}),
          seconds: Math.round(seconds * 1_000) / 1_000,
        };
        answer(given.json ?? false, document, () => [
          ...(options.dryRun ? ['dry run: nothing was written'] : [`batch ${result.batchId ?? ''}`]),
          ...table(['OUTCOME', 'FILES'], entries(result.counts)),
          ...(Object.keys(result.reasons).length > 0
            ? ['', ...table(['REASON', 'FILES'], entries(result.reasons))]
            : []),
          ...(result.queue ? ['', ...table(['QUEUE RECORDS', 'FILES'], entries(result.queue))] : []),
          '',
          left(result.counts, options, result.batchId),
        ]);
        if ((result.counts['quarantined'] ?? 0) + (result.queue?.['quarantined'] ?? 0) > 0)
          process.exitCode = 2;
      } finally {
        progress.end();
        await report.close();
      }
    });
}

function entries(counts: Readonly<Record<string, number>>): string[][] {
  return Object.entries(counts).map(([name, count]) => [name, String(count)]);
}

/** What a person should look at now. */
function left(
  counts: Readonly<Record<string, number>>,
  options: BatchOptions,
  batchId: string | null,
): string {
  const quarantined = counts['quarantined'] ?? 0;
  if (options.dryRun) return 'run it without --dry-run to lift them';
  if (quarantined === 0) return `all done; next: ssctl migrate verify --root ${options.root}`;
  return `${String(quarantined)} left where they are; see: ssctl migrate report ${batchId ?? ''} --outcome quarantined`;
}
