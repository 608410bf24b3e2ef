import { programUrl } from '#database';
import { FaultProxy, type PgBouncer, startPgBouncer } from '#testing';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PROFILES } from '../load/profiles.js';
import { Program, type ProgramKind } from './program.js';
import { Server } from './server.js';
import { SETTINGS, WORKERS } from './settings.js';
import { ssctlDone, type SsctlPlace } from './ssctl.js';

type Env = Readonly<Record<string, string>>;

/** A tenant with a key of all its scopes. */
export interface Tenant {
  tenantId: string;
  key: string;
}

const ROLES = ['ss_api', 'ss_worker'] as const;
/** Connections of PgBouncer to the server, for each login. */
const POOL = 10;
const TENANTS = ['north', 'south'];

export interface DeploymentOptions {
  /** Where the server keeps its data, when that is elsewhere. */
  dataDir?: string;
  /** The programs reach the server through PgBouncer in transaction mode. */
  isPooled?: boolean;
}

/** A whole deployment of SS: its server, the API, three workers, and a network between them that can be harmed. */
export class Deployment {
  readonly tenants: Tenant[] = [];
  /** Everything that was ever started, for the checks. */
  readonly programs: Program[] = [];
  private readonly running = new Map<string, Program>();
  private readonly proxies = new Map<string, FaultProxy>();
  private bouncer: PgBouncer | null = null;
  private env: Env = {};
  private starts = 0;

  private constructor(
    readonly folder: string,
    readonly server: Server,
    private readonly apiPort: number,
  ) {}

  /** Everything up and ready, in a folder that is there and empty. */
  static async open(folder: string, options: DeploymentOptions = {}): Promise<Deployment> {
    await mkdir(join(folder, 'logs'), { recursive: true });
    // The server runs as another user when this program runs as root.
    await chmod(folder, 0o755);
    const server = await Server.start(options.dataDir ?? folder);
    const deployment = new Deployment(folder, server, await freePort());
    try {
      await deployment.prepare();
      if (options.isPooled) await deployment.pool();
      await deployment.startAll();
    } catch (error) {
      await deployment.close();
      throw error;
    }
    return deployment;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${String(this.apiPort)}`;
  }

  get api(): Program {
    return this.get('api');
  }

  get workers(): Program[] {
    return WORKER_NAMES.map((name) => this.get(name));
  }

  worker(index: number): Program {
    return this.get(workerName(index));
  }

  /** The network between a program and the database. */
  network(name: string): FaultProxy {
    const proxy = this.proxies.get(name);
    if (!proxy) throw new Error(`${name} has no network`);
    return proxy;
  }

  get networks(): FaultProxy[] {
    return [...this.proxies.values()];
  }

  /** The place of ssctl: the owner's address, past the bad network. */
  get operator(): SsctlPlace {
    return { folder: this.folder, env: { DATABASE_URL: this.server.url, SS_DATA_DIR: this.folder } };
  }

  async startApi(env: Env = {}): Promise<Program> {
    return this.start('api', 'api', env);
  }

  async startWorker(index: number, env: Env = {}): Promise<Program> {
    return this.start(workerName(index), 'worker', env);
  }

  /** Starts what has ended; returns when all of it says that it works. */
  async startAll(): Promise<void> {
    const missing = ['api', ...WORKER_NAMES].filter((name) => !this.running.get(name)?.isRunning);
    await Promise.all(missing.map((name) => this.start(name, name === 'api' ? 'api' : 'worker')));
  }

  /** Restarts everything under these settings, beside the usual ones. */
  async restartWith(env: Env): Promise<void> {
    await this.stopPrograms();
    this.env = env;
    await this.startAll();
  }

  async stopPrograms(): Promise<void> {
    await Promise.all([...this.running.values()].filter(({ isRunning }) => isRunning).map((p) => p.stop()));
  }

  /** Undoes whatever a fault left behind: the server runs, the network is fine, every program runs. */
  async heal(): Promise<void> {
    for (const proxy of this.proxies.values()) proxy.weather({});
    for (const program of this.running.values()) if (program.isRunning) program.signal('SIGCONT');
    await this.server.start();
    await this.startAll();
  }

  async close(): Promise<void> {
    for (const program of this.running.values()) if (program.isRunning) program.kill();
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
    await Promise.all([...this.proxies.values()].map((proxy) => proxy.close()));
    await this.bouncer?.close();
    await this.server.close();
  }

  private async prepare(): Promise<void> {
    await writeFile(join(this.folder, 'profiles.json'), JSON.stringify(PROFILES));
    await ssctlDone(['schema', 'deploy'], this.operator);
    for (const name of ['api', ...WORKER_NAMES])
      this.proxies.set(name, await FaultProxy.before(this.server.url));
    const made = TENANTS.map(async (tenantId) => {
      await ssctlDone(['tenant', 'create', tenantId], this.operator);
      const { key } = await ssctlDone<{ key: string }>(
        ['key', 'create', '--tenant', tenantId],
        this.operator,
      );
      return { tenantId, key };
    });
    this.tenants.push(...(await Promise.all(made)));
  }

  /** A bad network between programs and pooler still. Notifications go past the pooler, as an operator would have it. */
  private async pool(): Promise<void> {
    const logins = await Promise.all(ROLES.map((role) => programUrl(this.server.url, role)));
    this.bouncer = await startPgBouncer({ logins, poolSize: POOL });
    for (const [name, proxy] of this.proxies) {
      await proxy.close();
      this.proxies.set(name, await FaultProxy.before(this.bouncer.through(this.server.url)));
    }
  }

  private get(name: string): Program {
    const program = this.running.get(name);
    if (!program) throw new Error(`${name} was never started`);
    return program;
  }

  private async start(name: string, kind: ProgramKind, env: Env = {}): Promise<Program> {
    const loginUrl = await programUrl(this.server.url, kind === 'api' ? 'ss_api' : 'ss_worker');
    this.starts += 1;
    const program = Program.launch(`${name}-${String(this.starts)}`, kind, {
      folder: this.folder,
      env: {
        ...SETTINGS,
        SS_HOST: '127.0.0.1',
        SS_API_PORT: String(this.apiPort),
        SS_WORKER_PORT: '0',
        SS_DATA_DIR: this.folder,
        SS_ARTIFACTS_DIR: join(this.folder, 'artifacts'),
        SS_COMMAND_PROFILES: join(this.folder, 'profiles.json'),
        DATABASE_URL: this.network(name).through(loginUrl),
        // One worker has no way past the pooler: it has to make do with polling.
        ...(this.bouncer && name !== workerName(0) ? { DATABASE_DIRECT_URL: loginUrl } : {}),
        ...this.env,
        ...env,
      },
    });
    this.running.set(name, program);
    this.programs.push(program);
    return program.started();
  }
}

const workerName = (index: number): string => `worker${String(index + 1)}`;
export const WORKER_NAMES = Array.from({ length: WORKERS }, (_, index) => workerName(index));

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
