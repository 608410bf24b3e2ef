import { Tenants } from '#tenancy';
import type { Command } from 'commander';
import { operatorScope } from '../deployment.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

/** `ssctl tenant create NAME | list` */
export function addTenantCommands(program: Command, withDeployment: WithDeployment): void {
  const tenant = program.command('tenant').description('who owns data');

  tenant
    .command('create')
    .argument('<name>', 'lower-case letters, digits, hyphens, underscores')
    .option('--json', 'one JSON document')
    .action(async (name: string, { json = false }: { json?: boolean }) => {
      const created = await withDeployment((deployment) =>
        deployment.asOperator((database) => new Tenants(database).create(operatorScope(), name)),
      );
      answer(json, created, () => [`tenant ${created.tenant_id} created`]);
    });

  tenant
    .command('list')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const tenants = await withDeployment((deployment) =>
        deployment.asOperator((database) => new Tenants(database).list(operatorScope())),
      );
      answer(json, { items: tenants }, () =>
        table(
          ['TENANT', 'CREATED'],
          tenants.map(({ tenant_id, created_at }) => [tenant_id, created_at]),
        ),
      );
    });
}
