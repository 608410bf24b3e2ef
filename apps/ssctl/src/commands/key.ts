import type { Database } from '#database';
import { ApiKeys, DEFAULT_TENANT, SCOPES, TENANT_SCOPES, Tenants } from '#tenancy';
import { type Command, InvalidArgumentError } from 'commander';
import { operatorScope } from '../deployment.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface CreateOptions {
  tenant: string;
  scope?: string[];
  name: string;
  expires?: string;
  json?: boolean;
}

function toInstant(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('must be an instant, such as 2027-01-01T00:00:00Z');
  return date.toISOString();
}

const keysOf = (database: Database): ApiKeys => new ApiKeys(database, new Tenants(database));

/** `ssctl key create | list | revoke` */
export function addKeyCommands(program: Command, withDeployment: WithDeployment): void {
  const key = program.command('key').description('API keys');

  key
    .command('create')
    .description('make a key; it is shown this once')
    .option('--tenant <tenant>', 'whose key it is', DEFAULT_TENANT)
    .option('--scope <scopes...>', `what it may do (${SCOPES.join(', ')}); all of a tenant when absent`)
    .option('--name <name>', 'what it is for', 'unnamed')
    .option('--expires <instant>', 'when it ends; never when absent', toInstant)
    .option('--json', 'one JSON document')
    .action(async (options: CreateOptions) => {
      const { key: text, apiKey } = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          keysOf(database).create(
            { ...operatorScope(), tenantId: options.tenant },
            {
              name: options.name,
              scopes: options.scope ?? TENANT_SCOPES,
              expiresAt: options.expires ?? null,
            },
          ),
        ),
      );
      const { key_id, tenant_id, scopes } = apiKey;
      answer(options.json ?? false, { key_id, key: text, tenant_id, scopes }, () => [
        text,
        `(${key_id} of tenant ${tenant_id}; it cannot be shown again)`,
      ]);
    });

  key
    .command('list')
    .option('--tenant <tenant>', 'whose keys', DEFAULT_TENANT)
    .option('--json', 'one JSON document')
    .action(async ({ tenant, json = false }: { tenant: string; json?: boolean }) => {
      const keys = await withDeployment((deployment) =>
        deployment.asOperator((database) => keysOf(database).list({ ...operatorScope(), tenantId: tenant })),
      );
      answer(json, { items: keys }, () =>
        table(
          ['KEY', 'NAME', 'CREATED', 'EXPIRES', 'REVOKED', 'SCOPES'],
          keys.map((row) => [
            row.key_id,
            row.name,
            row.created_at,
            row.expires_at ?? '-',
            row.revoked_at ?? '-',
            row.scopes.join(' '),
          ]),
        ),
      );
    });

  key
    .command('revoke')
    .argument('<key_id>')
    .option('--tenant <tenant>', 'whose key it is', DEFAULT_TENANT)
    .option('--reason <reason>', 'why; kept in the audit')
    .option('--json', 'one JSON document')
    .action(async (keyId: string, options: { tenant: string; reason?: string; json?: boolean }) => {
      const revoked = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          keysOf(database).revoke({ ...operatorScope(options.reason), tenantId: options.tenant }, keyId),
        ),
      );
      answer(options.json ?? false, revoked, () => [
        `key ${revoked.key_id} is revoked since ${revoked.revoked_at ?? ''}`,
      ]);
    });
}
