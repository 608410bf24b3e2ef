import { AuditExports, EXPORT_FORMATS, type ExportFormat } from '#audit';
import { PLATFORM, TenantNotFound, Tenants } from '#tenancy';
import { type Command, Option } from 'commander';
import { open, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { operatorScope } from '../deployment.js';
import { notBlank } from '../not-blank.js';
import { answer, say } from '../terminal.js';
import { toInstant } from '../to-instant.js';
import type { WithDeployment } from '../with-deployment.js';

interface ExportOptions {
  format: ExportFormat;
  from?: string;
  to?: string;
  tenant?: string;
  output?: string;
  reason?: string;
  json?: boolean;
}

/** `ssctl audit export` */
export function addAuditExportCommand(audit: Command, withDeployment: WithDeployment): void {
  audit
    .command('export')
    .description('write the audit up to now, a line of JSON an event, each tenant’s oldest first')
    .addOption(new Option('--format <format>').choices(Object.keys(EXPORT_FORMATS)).default('ndjson'))
    .option('--from <instant>', 'from this instant on', toInstant)
    .option('--to <instant>', 'before this instant', toInstant)
    .option('--tenant <tenant>', 'of this tenant; of all, and what belongs to none, when absent')
    .option('-o, --output <file>', 'where to; standard output when absent')
    .option('--reason <reason>', 'why; kept in the audit', notBlank)
    .option('--json', 'with --output: one JSON document that says what was written')
    .action(async (options: ExportOptions, command: Command) => {
      const { output, json = false } = options;
      if (json && output === undefined)
        command.error('error: --json needs --output: the events go to standard output');
      const rows = await withTarget(output, (target) =>
        withDeployment((deployment) =>
          deployment.asOperator(async (database) => {
            const { tenant } = options;
            const scope = { ...operatorScope(options.reason), tenantId: tenant ?? PLATFORM };
            if (tenant !== undefined && !(await new Tenants(database).exists(scope, tenant)))
              throw new TenantNotFound(tenant);
            const started = await new AuditExports(database).begin(scope, {
              format: options.format,
              filter: { since: options.from, until: options.to },
              allTenants: tenant === undefined,
            });
            const lines = started.lines();
            try {
              await pipeline(Readable.from(lines), target, { end: target !== process.stdout });
            } finally {
              // When the target breaks, nothing else waits for the row that says how far the export came.
              await lines.return();
            }
            return started.rows;
          }),
        ),
      );
      if (output === undefined) say(`${String(rows)} events`);
      else answer(json, { rows, file: output }, () => [`${String(rows)} events in ${output}`]);
    });
}

/** Nobody else may read the file; what is there already stays, and a part of an export that failed does not. */
async function withTarget<T>(path: string | undefined, work: (target: Writable) => Promise<T>): Promise<T> {
  if (path === undefined) return work(process.stdout);
  const file = await open(path, 'wx', 0o600);
  try {
    return await work(file.createWriteStream());
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
