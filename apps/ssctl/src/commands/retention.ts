import { openArtifactStore } from '#artifacts';
import type { Configuration } from '#configuration';
import { JobRetention, type Removal, type RetentionDue } from '#jobs';
import type { Command } from 'commander';
import { operatorScope } from '../deployment.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

/** `ssctl retention run` */
export function addRetentionCommands(
  program: Command,
  withDeployment: WithDeployment,
  configuration: Configuration<'ssctl'>,
): void {
  const retention = program.command('retention').description('what is deleted because its time is over');

  retention
    .command('run')
    .description('delete jobs, answers and files whose time is over; workers do it all the time')
    .option('--dry-run', 'tell what would go, and change nothing')
    .option('--json', 'one JSON document')
    .action(async ({ dryRun = false, json = false }: { dryRun?: boolean; json?: boolean }) => {
      const { jobRetentionDays } = configuration;
      const days = jobRetentionDays === 0 ? null : jobRetentionDays;
      const store = await openArtifactStore(configuration);
      await withDeployment((deployment) =>
        deployment.asOperator(async (database) => {
          const jobs = new JobRetention(database, store, operatorScope(), days);
          if (dryRun) {
            const due = await jobs.due();
            answer(json, { dry_run: true, ...due }, () => dueInWords(due));
          } else {
            const removal = await jobs.run();
            answer(json, { dry_run: false, ...removal }, () => removalInWords(removal));
          }
        }),
      );
    });
}

function dueInWords({ tenants, idempotency_keys, ownerless_jobs }: RetentionDue): string[] {
  const rows = tenants.map(({ tenant_id, retention_days, jobs, oldest }) => [
    tenant_id,
    String(retention_days),
    String(jobs),
    oldest,
  ]);
  return [
    ...(rows.length > 0 ? table(['TENANT', 'DAYS', 'JOBS', 'OLDEST END'], rows) : ['no job is due']),
    `${String(idempotency_keys)} answers to repeated requests have expired`,
    `${String(ownerless_jobs)} folders belong to no job, or to one whose data were erased`,
    'nothing was changed',
  ];
}

function removalInWords({ jobs, llm_calls, idempotency_keys, files, bytes }: Removal): string[] {
  return [
    `${String(jobs)} jobs with ${String(llm_calls)} model calls`,
    `${String(idempotency_keys)} answers to repeated requests`,
    `${String(files)} files of ${String(bytes)} bytes`,
  ];
}
