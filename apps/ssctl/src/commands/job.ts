import { openArtifactStore } from '#artifacts';
import type { Configuration } from '#configuration';
import { JobErasure, JobExplanations } from '#jobs';
import { DEFAULT_TENANT } from '#tenancy';
import type { Command } from 'commander';
import { operatorScope } from '../deployment.js';
import { notBlank } from '../not-blank.js';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

/** `ssctl job explain ID | erase ID` */
export function addJobCommands(
  program: Command,
  withDeployment: WithDeployment,
  configuration: Configuration<'ssctl'>,
): void {
  const job = program.command('job').description('jobs, from the operator’s side');

  job
    .command('explain')
    .description('why is it not running?')
    .argument('<job_id>')
    .option('--tenant <tenant>', 'whose job it is', DEFAULT_TENANT)
    .option('--json', 'one JSON document')
    .action(async (jobId: string, { tenant, json = false }: { tenant: string; json?: boolean }) => {
      const leaseMs = configuration.queueLeaseTtlSeconds * 1_000;
      const explanation = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          new JobExplanations(database, leaseMs).of({ ...operatorScope(), tenantId: tenant }, jobId),
        ),
      );
      answer(json, explanation, () => [
        `${explanation.job_id} is ${explanation.status}${explanation.runnable ? ', and runs when it is its turn' : ''}`,
        ...explanation.reasons.map(({ code, detail }) => `  ${code}: ${detail}`),
      ]);
    });

  job
    .command('erase')
    .description('take its data away for good: texts, drafts, plan, datasets, artifacts; the audit stays')
    .argument('<job_id>', 'a job that has ended')
    .option('--tenant <tenant>', 'whose job it is', DEFAULT_TENANT)
    .requiredOption('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'one JSON document')
    .action(async (jobId: string, options: { tenant: string; reason: string; json?: boolean }) => {
      const scope = { ...operatorScope(), reason: options.reason, tenantId: options.tenant };
      const store = await openArtifactStore(configuration);
      const { job_id, status, version, erased_at } = await withDeployment((deployment) =>
        deployment.asOperator((database) => new JobErasure(database, store).erase(scope, jobId, null)),
      );
      const erased = { tenant_id: options.tenant, job_id, status, version, erased_at };
      answer(options.json ?? false, erased, () => [
        `the data of job ${job_id} are gone since ${erased_at ?? ''}`,
      ]);
    });
}
