import type { Configuration } from '#configuration';
import { ApiKeys, DEFAULT_TENANT, Tenants } from '#tenancy';
import type { Command } from 'commander';
import { Deployment, operatorScope } from '../deployment.js';
import { createKey, Stack } from '../stack.js';
import { onStopSignal } from '../stop-signal.js';
import { answer, say } from '../terminal.js';

/** `ssctl start`: API and worker in the foreground until Ctrl-C. */
export function addStartCommand(program: Command, configuration: Configuration<'ssctl'>): void {
  program
    .command('start')
    .description('API and worker in the foreground, until Ctrl-C')
    .option('--json', 'one JSON line when both are ready, with a new key')
    .action(async ({ json = false }: { json?: boolean }) => {
      let stack: Stack | undefined;
      const stopAsked = new Promise<void>((resolve) => {
        onStopSignal(resolve, () => stack?.hurry());
      });
      const deployment = await Deployment.open(configuration);
      try {
        stack = await Stack.start(
          configuration,
          deployment,
          { api: configuration.apiPort, worker: configuration.workerPort },
          process.stderr,
        );
        const key =
          json || !(await hasKey(deployment))
            ? await createKey(deployment, DEFAULT_TENANT, 'made by start')
            : null;
        tell(json, stack, key?.key ?? null);
        const how = await Promise.race([
          stopAsked.then(() => 'asked' as const),
          stack.ended().then(() => 'ended' as const),
        ]);
        if (how === 'ended') {
          say('one of the programs ended by itself; see its log above');
          process.exitCode = 1;
        }
      } finally {
        await stack?.stop();
        await deployment.close();
      }
    });
}

function tell(json: boolean, stack: Stack, key: string | null): void {
  const { url: api } = stack.api;
  answer(json, { api, worker: stack.worker.url, tenant: DEFAULT_TENANT, key }, () => [
    '',
    `SS answers at ${api} (documents: ${api}/docs); the worker's probes are at ${stack.worker.url}/health/ready`,
    ...(key === null
      ? ['A key of tenant default exists already. Make another: npm run ssctl -- key create']
      : [`A key of tenant default, shown this once:\n  ${key}`]),
    'Try it:',
    `  curl -s ${api}/v1/jobs -H "Authorization: Bearer ${key ?? '<key>'}" -H 'Content-Type: application/json' \\`,
    `    -d '{"plan": {"plan_version": 2, "steps": [{"step_id": "answer", "type": "sql", "params": {"sql": "SELECT 42"}}]}, "confirm": true}'`,
    'Ctrl-C stops everything in order.',
    '',
  ]);
}

async function hasKey(deployment: Deployment): Promise<boolean> {
  return deployment.asOperator(async (database) => {
    const keys = await new ApiKeys(database, new Tenants(database)).list({
      ...operatorScope(),
      tenantId: DEFAULT_TENANT,
    });
    return keys.some((key) => key.revoked_at === null);
  });
}
