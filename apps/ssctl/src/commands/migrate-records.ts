import { type Batch, Batches, reportLine } from '#migration';
import type { Command } from 'commander';
import { once } from 'node:events';
import { operatorScope } from '../deployment.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

const LATEST = 20;
/** A batch that has said nothing for so long was killed. */
const SILENT_MS = 60_000;

/** `ssctl migrate status | report`: what earlier runs left on record. */
export function addMigrateRecords(migrate: Command, withDeployment: WithDeployment): void {
  migrate
    .command('status')
    .description('the latest runs and what became of their files')
    .option('--json', 'one JSON document')
    .action(async ({ json = false }: { json?: boolean }) => {
      const batches = await withDeployment((deployment) =>
        deployment.asOperator((database) => new Batches(database, operatorScope()).list(LATEST)),
      );
      const items = batches.map((batch) => ({ ...batch, state: stateOf(batch) }));
      answer(json, { items }, () =>
        table(
          ['BATCH', 'STATE', 'STARTED', 'MIGRATED', 'REPAIRED', 'QUARANTINED', 'UNCHANGED', 'ROOT'],
          items.map(({ batch_id, state, started_at, counts, root }) => [
            ...[batch_id, state, started_at.slice(0, 19)],
            ...['migrated', 'repaired', 'quarantined', 'unchanged'].map((name) => String(counts[name] ?? 0)),
            root,
          ]),
        ),
      );
    });

  migrate
    .command('report')
    .description('a line for each file that a run met')
    .argument('<batch_id>')
    .option('--outcome <outcomes...>', 'these outcomes alone')
    .option('--json', 'JSON lines')
    .action(async (batchId: string, { outcome, json = false }: { outcome?: string[]; json?: boolean }) => {
      await withDeployment((deployment) =>
        deployment.asOperator(async (database) => {
          for await (const item of new Batches(database, operatorScope()).items(batchId)) {
            if (outcome && !outcome.includes(item.outcome)) continue;
            const line = json
              ? reportLine(item)
              : [item.outcome.padEnd(11), item.path, item.reasons.join(', ')].join('  ').trimEnd();
            if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
          }
        }),
      );
    });
}

function stateOf({ ended_at, seen_at, kind }: Batch): string {
  if (ended_at !== null) return 'done';
  if (kind === 'read_through') return 'open';
  return Date.now() - Date.parse(seen_at) > SILENT_MS ? 'interrupted' : 'running';
}
