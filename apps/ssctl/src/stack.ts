import type { Configuration } from '#configuration';
import { ApiKeys, DEFAULT_TENANT, TENANT_SCOPES, Tenants } from '#tenancy';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { type Deployment, operatorScope } from './deployment.js';
import { ProgramProcess } from './program-process.js';

export interface StackPorts {
  api: number;
  worker: number;
}

/** API and worker on one machine, started together and stopped together. */
export class Stack {
  private constructor(
    readonly api: ProgramProcess,
    readonly worker: ProgramProcess,
  ) {}

  /** Brings the schema up to date, makes sure of the default tenant, and starts both programs. */
  static async start(
    configuration: Configuration<'ssctl'>,
    deployment: Deployment,
    ports: StackPorts,
    log?: Writable,
  ): Promise<Stack> {
    await deployment.deploy();
    await ensureTenant(deployment, DEFAULT_TENANT);
    const common = {
      SS_HOST: configuration.host,
      SS_DATA_DIR: resolve(configuration.dataDir),
      SS_ARTIFACTS_DIR: resolve(configuration.artifactsDir),
    };
    // Reading through needs a right that the API's own login does not have.
    const reading =
      configuration.legacyJobsDir === null
        ? {}
        : {
            SS_LEGACY_JOBS_DIR: resolve(configuration.legacyJobsDir),
            SS_MIGRATION_DATABASE_URL: await deployment.urlFor('ss_migration'),
          };
    const start = async (program: 'api' | 'worker', port: number): Promise<ProgramProcess> =>
      ProgramProcess.start({
        program,
        port,
        url: `http://${configuration.host.includes(':') ? `[${configuration.host}]` : configuration.host}:${String(port)}`,
        environment: {
          ...common,
          ...(await deployment.databaseOf(program === 'api' ? 'ss_api' : 'ss_worker')),
          ...(program === 'api' ? reading : {}),
          ...lookOf(log, configuration.logFormat),
          [program === 'api' ? 'SS_API_PORT' : 'SS_WORKER_PORT']: String(port),
        },
        log: log ?? logFile(configuration.dataDir, program),
      });
    const [api, worker] = await Promise.allSettled([start('api', ports.api), start('worker', ports.worker)]);
    if (api.status === 'fulfilled' && worker.status === 'fulfilled')
      return new Stack(api.value, worker.value);
    for (const program of [api, worker]) if (program.status === 'fulfilled') await program.value.stop();
    throw api.status === 'rejected' ? api.reason : (worker as PromiseRejectedResult).reason;
  }

  /** Resolves when one of the two has ended. */
  async ended(): Promise<void> {
    await Promise.race([this.api.ended(), this.worker.ended()]);
  }

  /** Stops both; the worker first drains. */
  async stop(): Promise<void> {
    await Promise.all([this.api.stop(), this.worker.stop()]);
  }

  hurry(): void {
    this.api.hurry();
    this.worker.hurry();
  }
}

export async function ensureTenant(deployment: Deployment, tenantId: string): Promise<void> {
  await deployment.asOperator(async (database) => {
    const tenants = new Tenants(database);
    if (!(await tenants.exists(operatorScope(), tenantId))) await tenants.create(operatorScope(), tenantId);
  });
}

export async function createKey(
  deployment: Deployment,
  tenantId: string,
  name: string,
): Promise<{ keyId: string; key: string }> {
  return deployment.asOperator(async (database) => {
    const keys = new ApiKeys(database, new Tenants(database));
    const { key, apiKey } = await keys.create(
      { ...operatorScope(), tenantId },
      { name, scopes: TENANT_SCOPES },
    );
    return { keyId: apiKey.key_id, key };
  });
}

/** Their output goes through this program: they cannot see for themselves that it ends on a terminal. */
function lookOf(log: Writable | undefined, format: string): Record<string, string> {
  const isTerminal = log === process.stderr && process.stderr.isTTY;
  return isTerminal && format === 'auto' ? { SS_LOG_FORMAT: 'pretty', FORCE_COLOR: '1' } : {};
}

function logFile(dataDir: string, program: string): Writable {
  const folder = join(dataDir, 'logs');
  mkdirSync(folder, { recursive: true });
  return createWriteStream(join(folder, `${program}.log`));
}
