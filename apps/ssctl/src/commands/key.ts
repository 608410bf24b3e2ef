import type { Database } from '#database';
import {
  type ApiKey,
  ApiKeys,
  DEFAULT_OVERLAP_SECONDS,
  DEFAULT_TENANT,
  SCOPES,
  TENANT_SCOPES,
  Tenants,
} from '#tenancy';
import { type Command, Option } from 'commander';
import { operatorScope } from '../deployment.js';
import { notBlank } from '../not-blank.js';
import { answer, table } from '../terminal.js';
import { toInstant } from '../to-instant.js';
import { toSeconds } from '../to-seconds.js';
import type { WithDeployment } from '../with-deployment.js';

interface CreateOptions {
  tenant: string;
  scope?: string[];
  name: string;
  expires?: string;
  json?: boolean;
}

interface RotateOptions {
  tenant: string;
  overlap: number;
  reason?: string;
  json?: boolean;
}

const keysOf = (database: Database): ApiKeys => new ApiKeys(database, new Tenants(database));

/** `ssctl key create | list | rotate | revoke` */
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
          ['KEY', 'NAME', 'CREATED', 'LAST USED', 'EXPIRES', 'REVOKED', 'SCOPES'],
          keys.map((row) => [
            row.key_id,
            row.name,
            row.created_at,
            row.last_used_at ?? 'never',
            row.expires_at ?? '-',
            row.revoked_at ?? '-',
            row.scopes.join(' '),
          ]),
        ),
      );
    });

  key
    .command('rotate')
    .description('make a key that may do the same; the old one ends when the overlap is over')
    .argument('<key_id>')
    .option('--tenant <tenant>', 'whose key it is', DEFAULT_TENANT)
    .addOption(
      new Option('--overlap <time>', 'how long the old key is still valid')
        .argParser(toSeconds)
        .default(DEFAULT_OVERLAP_SECONDS, '24h'),
    )
    .option('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'one JSON document')
    .action(async (keyId: string, options: RotateOptions) => {
      const {
        key: text,
        apiKey,
        old,
      } = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          keysOf(database).rotate(
            { ...operatorScope(options.reason), tenantId: options.tenant },
            keyId,
            options.overlap,
          ),
        ),
      );
      answer(options.json ?? false, { ...apiKey, key: text, old }, () => rotatedLines(text, apiKey, old));
    });

  key
    .command('revoke')
    .argument('<key_id>')
    .option('--tenant <tenant>', 'whose key it is', DEFAULT_TENANT)
    .requiredOption('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'one JSON document')
    .action(async (keyId: string, options: { tenant: string; reason: string; json?: boolean }) => {
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

function rotatedLines(text: string, made: ApiKey, old: ApiKey): string[] {
  return [
    text,
    `(${made.key_id} of tenant ${made.tenant_id}; it cannot be shown again)`,
    `${old.key_id} is valid until ${old.expires_at ?? ''}`,
  ];
}
