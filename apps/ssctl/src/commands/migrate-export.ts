import { openArtifactStore } from '#artifacts';
import type { Configuration } from '#configuration';
import { TreeExport } from '#migration';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { operatorScope } from '../deployment.js';
import { Progress } from '../progress.js';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface ExportOptions {
  out: string;
  tenant?: string[];
  artifacts: 'copy' | 'skip';
  queue?: string;
  json?: boolean;
}

/** `ssctl migrate export` */
export function addMigrateExport(
  migrate: Command,
  configuration: Configuration<'ssctl'>,
  withDeployment: WithDeployment,
): void {
  migrate
    .command('export')
    .description('write the rows as a legacy tree: the way back')
    .requiredOption('--out <dir>', 'where the tree is to stand; not the legacy tree itself')
    .option('--queue <dir>', 'where the legacy queue is to have a record for each queued job')
    .option('--tenant <tenants...>', 'these tenants alone')
    .addOption(
      new Option('--artifacts <policy>', 'bring the files of jobs along')
        .choices(['copy', 'skip'])
        .default('copy'),
    )
    .option('--json', 'one JSON document')
    .action(async (given: ExportOptions) => {
      const progress = new Progress();
      const out = resolve(given.out);
      try {
        const store = await openArtifactStore(configuration);
        const result = await withDeployment((deployment) =>
          deployment.asOperator((database) =>
            new TreeExport(database, operatorScope(), store).export(
              {
                out,
                tenants: given.tenant ?? null,
                artifacts: given.artifacts === 'copy',
                queue: given.queue === undefined ? null : resolve(given.queue),
              },
              (count) => {
                progress.add(Array.from({ length: count }, () => 'exported'));
              },
            ),
          ),
        );
        progress.end();
        answer(given.json ?? false, { out, ...result }, () => [
          `${String(result.jobs)} jobs and ${String(result.files)} files written to ${out}`,
          ...result.mapped.map(
            ({ tenant_id, job_id, notes }) =>
              `not the same there: ${tenant_id} ${job_id}  ${notes.join(', ')}`,
          ),
        ]);
      } finally {
        progress.end();
      }
    });
}
