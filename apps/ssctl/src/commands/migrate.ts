import type { Configuration } from '#configuration';
import type { Command } from 'commander';
import type { WithDeployment } from '../with-deployment.js';
import { addMigrateExport } from './migrate-export.js';
import { addMigrateRecords } from './migrate-records.js';
import { addMigrateRun } from './migrate-run.js';
import { addMigrateVerify } from './migrate-verify.js';

/** `ssctl migrate run | status | report | verify | export` */
export function addMigrateCommands(
  program: Command,
  configuration: Configuration<'ssctl'>,
  withDeployment: WithDeployment,
): void {
  const migrate = program.command('migrate').description('legacy job.json trees into rows, and back');
  addMigrateRun(migrate, configuration, withDeployment);
  addMigrateRecords(migrate, withDeployment);
  addMigrateVerify(migrate, withDeployment);
  addMigrateExport(migrate, configuration, withDeployment);
}
