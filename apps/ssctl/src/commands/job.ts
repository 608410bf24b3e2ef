import type { Configuration } from '#configuration';
import { JobExplanations } from '#jobs';
import { DEFAULT_TENANT } from '#tenancy';
import type { Command } from 'commander';
import { operatorScope } from '../deployment.js';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

/** `ssctl job explain ID` */
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
}
