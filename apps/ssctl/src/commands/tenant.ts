import {
  findTenantDrafting,
  setTenantDrafting,
  type TenantDrafting,
  type TenantDraftingChange,
  TenantNotFound,
  Tenants,
} from '#tenancy';
import { type Command, InvalidArgumentError } from 'commander';
import { operatorScope } from '../deployment.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';
import { addQuotaCommand } from './tenant-quota.js';

/** `ssctl tenant create NAME | list | drafting NAME | quota NAME` */
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

  tenant
    .command('drafting')
    .description('what the tenant’s drafts may use and show; without options, what holds now')
    .argument('<name>', 'the tenant')
    .option('--calls-per-day <n>', 'calls to language models a UTC day, or none', numberOrNone)
    .option('--tokens-per-day <n>', 'tokens a UTC day, or none', numberOrNone)
    .option(
      '--cost-per-day <n>',
      'cost a UTC day in micro-units of the price table’s currency, or none',
      numberOrNone,
    )
    .option('--sample-rows <on|off>', 'whether a language model may see rows of the data', onOff)
    .option('--keep-prompts <on|off>', 'whether prompts and answers are kept as artifacts', onOff)
    .option(
      '--rule-fallback <on|off>',
      'whether the rules draft when the language model cannot be used',
      onOff,
    )
    .option('--json', 'one JSON document')
    .action(async (name: string, { json = false, ...options }: DraftingOptions) => {
      const drafting = await withDeployment((deployment) =>
        deployment.asOperator(async (database) => {
          const scope = { ...operatorScope(), tenantId: name };
          if (!(await new Tenants(database).exists(scope, name))) throw new TenantNotFound(name);
          const change = changeOf(options);
          if (Object.keys(change).length > 0) return setTenantDrafting(database, scope, change);
          return database.transaction(scope, (tx) => findTenantDrafting(tx, name));
        }),
      );
      answer(json, { tenant_id: name, ...drafting }, () => describeDrafting(name, drafting));
    });

  addQuotaCommand(tenant, withDeployment);
}

interface DraftingOptions {
  callsPerDay?: number | null;
  tokensPerDay?: number | null;
  costPerDay?: number | null;
  sampleRows?: boolean;
  keepPrompts?: boolean;
  ruleFallback?: boolean;
  json?: boolean;
}

/** What was named; the rest stays as it is. */
function changeOf(options: DraftingOptions): TenantDraftingChange {
  return {
    ...(options.callsPerDay === undefined ? {} : { calls_per_day: options.callsPerDay }),
    ...(options.tokensPerDay === undefined ? {} : { tokens_per_day: options.tokensPerDay }),
    ...(options.costPerDay === undefined ? {} : { cost_micros_per_day: options.costPerDay }),
    ...(options.sampleRows === undefined ? {} : { sample_rows: options.sampleRows }),
    ...(options.keepPrompts === undefined ? {} : { keep_prompts: options.keepPrompts }),
    ...(options.ruleFallback === undefined ? {} : { rule_fallback: options.ruleFallback }),
  };
}

function describeDrafting(name: string, drafting: TenantDrafting): string[] {
  const limit = (value: number | null): string => (value === null ? 'none' : String(value));
  const flag = (value: boolean): string => (value ? 'on' : 'off');
  return [
    `drafts of tenant ${name}`,
    `  calls a day     ${limit(drafting.calls_per_day)}`,
    `  tokens a day    ${limit(drafting.tokens_per_day)}`,
    `  cost a day      ${limit(drafting.cost_micros_per_day)}`,
    `  sample rows     ${flag(drafting.sample_rows)}`,
    `  keep prompts    ${flag(drafting.keep_prompts)}`,
    `  rule fallback   ${flag(drafting.rule_fallback)}`,
  ];
}

function numberOrNone(text: string): number | null {
  if (text === 'none') return null;
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number, or none');
  return Number(text);
}

function onOff(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('on or off');
  return text === 'on';
}
