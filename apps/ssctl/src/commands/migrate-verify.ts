import { countFiles, Verifier } from '#migration';
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { operatorScope } from '../deployment.js';
import { Progress } from '../progress.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface VerifyOptions {
  root: string;
  tenant?: string[];
  strict?: boolean;
  json?: boolean;
}

/** `ssctl migrate verify` */
export function addMigrateVerify(migrate: Command, withDeployment: WithDeployment): void {
  migrate
    .command('verify')
    .description('read every file again and compare it with its rows')
    .requiredOption('--root <dir>', 'the legacy SS_JOBS_DIR; it is only read')
    .option('--tenant <tenants...>', 'these tenants alone')
    .option('--strict', 'the run was strict')
    .option('--json', 'one JSON document')
    .action(async (given: VerifyOptions) => {
      const options = {
        root: resolve(given.root),
        tenants: given.tenant ?? null,
        strict: given.strict ?? false,
      };
      const progress = new Progress();
      if (progress.isWatched)
        void countFiles(options).then(
          (total) => {
            progress.expect(total);
          },
          () => undefined,
        );
      try {
        const verification = await withDeployment((deployment) =>
          deployment.asOperator((database) =>
            new Verifier(database, operatorScope()).verify(options, (count) => {
              progress.add(Array.from({ length: count }, () => 'compared'));
            }),
          ),
        );
        progress.end();
        answer(given.json ?? false, verification, () => [
          verification.ok ? 'the rows are what the files say' : 'the rows are NOT what the files say',
          `${String(verification.files)} files, ${String(verification.quarantined)} of them quarantined, ` +
            `${String(verification.rows)} jobs with rows, ${String(verification.moved_on)} worked on since`,
          ...table(
            ['TENANT', 'FILES', 'ROWS', 'CHECKSUM'],
            Object.entries(verification.tenants).map(([tenantId, { files, rows, checksum }]) => [
              ...[tenantId, String(files), String(rows), checksum.slice(0, 16)],
            ]),
          ),
          `checksum ${verification.checksum}`,
          ...verification.differences.map(
            ({ path, tenant_id, job_id, difference }) =>
              `${difference}  ${path ?? ''}  ${tenant_id} ${job_id}`,
          ),
        ]);
        if (!verification.ok) process.exitCode = 1;
      } finally {
        progress.end();
      }
    });
}
