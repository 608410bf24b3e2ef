import 'reflect-metadata';
import { isNotDeployed } from '#database';
import { createLogger, type DomainError, isDomainError, startTracing } from '#observability';
import { Command } from 'commander';
import { addArchiveCommands } from './commands/archive.js';
import { addAuditCommands } from './commands/audit.js';
import { addAuditExportCommand } from './commands/audit-export.js';
import { addAuditorCommands } from './commands/auditor.js';
import { addDemoCommand } from './commands/demo.js';
import { addJobCommands } from './commands/job.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addFakeLlmCommand } from './commands/fake-llm.js';
import { addKeyCommands } from './commands/key.js';
import { addRetentionCommands } from './commands/retention.js';
import { addQueueCommands } from './commands/queue.js';
import { addMigrateCommands } from './commands/migrate.js';
import { addSchemaCommands } from './commands/schema.js';
import { addLogLevelCommand } from './commands/log-level.js';
import { addStartCommand } from './commands/start.js';
import { addStatusCommands } from './commands/status.js';
import { addTenantCommands } from './commands/tenant.js';
import { Deployment } from './deployment.js';
import { rawEnvironment, readEnv } from './env.js';
import { say } from './terminal.js';
import type { WithDeployment } from './with-deployment.js';

try {
  await main();
} catch (error) {
  fail(error);
}

async function main(): Promise<void> {
  const program = new Command('ssctl').description('The operator’s command line of SS').showHelpAfterError();
  addDoctorCommand(program, rawEnvironment);
  // It is asked when something is wrong, which may well be the configuration.
  if (process.argv[2] === 'doctor') {
    await program.parseAsync();
    return;
  }
  const { configuration, warnings } = readEnv();
  for (const warning of warnings) say(warning);
  const withDeployment: WithDeployment = async (work) => {
    const deployment = await Deployment.open(configuration);
    try {
      return await work(deployment);
    } finally {
      await deployment.close();
    }
  };
  addSchemaCommands(program, withDeployment);
  addTenantCommands(program, withDeployment);
  addKeyCommands(program, withDeployment);
  addQueueCommands(program, withDeployment);
  addJobCommands(program, withDeployment, configuration);
  addRetentionCommands(program, withDeployment, configuration);
  addMigrateCommands(program, configuration, withDeployment);
  addAuditExportCommand(addAuditCommands(program, withDeployment, configuration), withDeployment);
  addAuditorCommands(program, withDeployment);
  addArchiveCommands(program, withDeployment, configuration);
  addStatusCommands(program, withDeployment, configuration);
  addLogLevelCommand(program, withDeployment);
  addStartCommand(program, configuration);
  addDemoCommand(program, configuration);
  addFakeLlmCommand(program);
  const tracing = await startTracing({
    service: 'ss-ctl',
    environment: process.env,
    file: rawEnvironment(),
    answersOnStandardOutput: true,
    logger: createLogger({ program: 'ssctl', level: 'warn' }, process.stderr),
  });
  try {
    await program.parseAsync();
  } finally {
    await tracing.stop();
  }
}

/** Says what went wrong, without a stack where the operator can mend it; with `--json`, as one JSON document. */
function fail(error: unknown): void {
  process.exitCode = 1;
  const message = messageOf(error);
  if (process.argv.includes('--json')) {
    const code = isDomainError(error) ? error.code : 'SSCTL_FAILED';
    process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  }
  say(isDomainError(error) ? `${message}\n${facts(error)}` : `ssctl: ${message}`);
  if (error instanceof Error && !isDomainError(error) && process.env['SS_LOG_LEVEL'] === 'debug') {
    say(error.stack ?? '');
  }
}

function messageOf(error: unknown): string {
  if (isNotDeployed(error)) return 'the database was not prepared for this release; run: ssctl schema deploy';
  return error instanceof Error ? error.message : String(error);
}

function facts(error: DomainError<string>): string {
  return Object.entries(error.facts)
    .map(([name, value]) => `  ${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`)
    .join('\n');
}
