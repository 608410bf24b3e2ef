import { schemaStatus } from '#database';
import type { Command } from 'commander';
import { answer } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

/** `ssctl schema deploy | status` */
export function addSchemaCommands(program: Command, withDeployment: WithDeployment): void {
  const schema = program.command('schema').description('the tables: schema migrations and queues');

  schema
    .command('deploy')
    .description('apply what is pending; safe to run by several at once')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const applied = await withDeployment((deployment) => deployment.deploy());
      answer(json, { applied }, () =>
        applied.length === 0 ? ['nothing was pending'] : applied.map((name) => `applied ${name}`),
      );
    });

  schema
    .command('status')
    .description('list what is applied, pending, or changed after it was applied')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const status = await withDeployment((deployment) => schemaStatus(deployment.ownerUrl));
      answer(json, status, () => [
        ...status.applied.map(
          (name) => `applied  ${name}${status.changed.includes(name) ? '  CHANGED SINCE' : ''}`,
        ),
        ...status.pending.map((name) => `pending  ${name}`),
        ...status.unknown.map((name) => `unknown  ${name}  (of another release)`),
        ...status.failed.map((name) => `failed   ${name}`),
      ]);
      if (status.changed.length > 0 || status.failed.length > 0) process.exitCode = 1;
    });
}
