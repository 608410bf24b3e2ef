import type { Database } from '#database';
import { type Auditor, Auditors, Tenants } from '#tenancy';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { operatorScope } from '../deployment.js';
import { notBlank } from '../not-blank.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface CreateOptions {
  tenant?: string;
  allTenants?: boolean;
  statementTimeout: number;
  reason?: string;
  json?: boolean;
}

const MAX_STATEMENT_SECONDS = 3_600;

const auditorsOf = (database: Database): Auditors => new Auditors(database, new Tenants(database));

/** `ssctl auditor create | list | drop` */
export function addAuditorCommands(program: Command, withDeployment: WithDeployment): void {
  const auditor = program.command('auditor').description('logins that read the audit in SQL, by its views');

  auditor
    .command('create')
    .description('make a login of the database; its password is shown this once')
    .argument('<name>', 'lower-case letters, digits, underscores')
    .addOption(new Option('--tenant <tenant>', 'the one tenant whose audit it sees').conflicts('allTenants'))
    .option('--all-tenants', 'it sees the audit of the whole deployment')
    .addOption(
      new Option('--statement-timeout <seconds>', 'how long one query may take')
        .argParser(toSeconds)
        .default(60),
    )
    .option('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'one JSON document')
    .action(async (login: string, options: CreateOptions, command: Command) => {
      if (options.tenant === undefined && options.allTenants !== true)
        command.error('error: say what it may see: --tenant <tenant> or --all-tenants');
      const { auditor: made, password } = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          auditorsOf(database).create(operatorScope(options.reason), {
            login,
            onlyTenant: options.tenant ?? null,
            limits: { statementMs: options.statementTimeout * 1_000 },
          }),
        ),
      );
      answer(options.json ?? false, { ...made, password }, () => [
        password,
        `(of ${made.login}, who sees ${seenBy(made)}; it cannot be shown again)`,
      ]);
    });

  auditor
    .command('list')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const items = await withDeployment((deployment) =>
        deployment.asOperator((database) => auditorsOf(database).list(operatorScope())),
      );
      answer(json, { items }, () =>
        table(
          ['LOGIN', 'SEES', 'CREATED'],
          items.map((item) => [item.login, seenBy(item), item.created_at]),
        ),
      );
    });

  auditor
    .command('drop')
    .description('end a login; what it has open sees nothing any more')
    .argument('<name>')
    .requiredOption('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'one JSON document')
    .action(async (login: string, { reason, json = false }: { reason: string; json?: boolean }) => {
      const dropped = await withDeployment((deployment) =>
        deployment.asOperator((database) =>
          auditorsOf(database).drop({ ...operatorScope(reason), reason }, login),
        ),
      );
      answer(json, dropped, () => [`auditor ${dropped.login} dropped`]);
    });
}

function seenBy({ only_tenant: tenant }: Auditor): string {
  return tenant === null ? 'all tenants' : `tenant ${tenant}`;
}

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > MAX_STATEMENT_SECONDS)
    throw new InvalidArgumentError(`must be a number of seconds, 1 to ${String(MAX_STATEMENT_SECONDS)}`);
  return seconds;
}
