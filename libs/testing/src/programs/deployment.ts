import { Database } from '#database';
import { ApiKeys, TENANT_SCOPES, Tenants } from '#tenancy';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testDatabase } from '../test-database.js';
import { CHECKOUT } from './checkout.js';
import { Client } from './client.js';
import { Program, type ProgramName, type ProgramPlace } from './program.js';

/** The addresses of one database, for each program by its own login. */
export interface DeploymentUrls {
  apiUrl: string;
  workerUrl: string;
  operatorUrl: string;
}

export interface MadeKey {
  tenantId: string;
  keyId: string;
  key: string;
}

type Env = Readonly<Record<string, string>>;

const SCRATCH = join(CHECKOUT, '.ss');
const OPERATOR = { actor: { kind: 'operator', id: 'e2e' }, source: 'test' } as const;
/** So that nothing of a story waits for long; each test may say otherwise. */
const QUICK: Env = {
  SS_API_PORT: '0',
  SS_WORKER_PORT: '0',
  SS_QUEUE_HEARTBEAT_SECONDS: '1',
  SS_QUEUE_SWEEP_SECONDS: '1',
  SS_QUEUE_POLL_SECONDS: '1',
  SS_DATABASE_POOL_SIZE: '5',
};

/** A deployment of its own: a database, folders, and the programs that were started on them, as real processes. */
export class Deployment {
  readonly programs: Program[] = [];
  private readonly operator: Database;
  private readonly tenants: Tenants;
  private readonly keys: ApiKeys;

  private constructor(
    readonly folder: string,
    private readonly urls: DeploymentUrls,
    private readonly env: Env,
    private readonly release: () => Promise<void>,
  ) {
    this.operator = new Database({
      url: urls.operatorUrl,
      role: 'ss_operator',
      applicationName: 'ss-e2e',
      poolSize: 3,
      // A story may stop the server.
      onError: () => undefined,
    });
    this.tenants = new Tenants(this.operator);
    this.keys = new ApiKeys(this.operator, this.tenants);
  }

  /** On a fresh database of the test server. */
  static async open(env: Env = {}): Promise<Deployment> {
    const database = await testDatabase();
    return Deployment.on(database, env, () => database.drop());
  }

  /** On a database that the caller keeps. */
  static async on(
    urls: DeploymentUrls,
    env: Env = {},
    release = (): Promise<void> => Promise.resolve(),
  ): Promise<Deployment> {
    await mkdir(SCRATCH, { recursive: true });
    const folder = await mkdtemp(join(SCRATCH, `test-programs-${String(process.pid)}-`));
    return new Deployment(folder, urls, env, release);
  }

  get artifactsDir(): string {
    return join(this.folder, 'artifacts');
  }

  async tenant(tenantId = `tenant-${randomBytes(4).toString('hex')}`): Promise<string> {
    await this.tenants.create(OPERATOR, tenantId);
    return tenantId;
  }

  /** A key with these scopes; all that a tenant's key can have, when none are named. */
  async key(
    tenantId: string,
    scopes: readonly string[] = TENANT_SCOPES,
    expiresAt: string | null = null,
  ): Promise<MadeKey> {
    const { key, apiKey } = await this.keys.create(
      { ...OPERATOR, tenantId },
      { name: 'e2e', scopes, expiresAt },
    );
    return { tenantId, keyId: apiKey.key_id, key };
  }

  async revoke({ tenantId, keyId }: MadeKey): Promise<void> {
    await this.keys.revoke({ ...OPERATOR, tenantId }, keyId);
  }

  /** A new tenant with a key of all its scopes, as a client of the API. */
  async client(api: Program, tenantId?: string): Promise<Client> {
    return new Client(api.url, (await this.key(await this.tenant(tenantId))).key);
  }

  /** Plain SQL as an operator, across tenants. */
  async sql<Row extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.operator.acrossTenants(OPERATOR, (tx) => tx.query<Row>(text, values));
  }

  async api(env: Env = {}): Promise<Program> {
    return this.started(await Program.start('api', this.place('api', env)));
  }

  async worker(env: Env = {}): Promise<Program> {
    return this.started(await Program.start('worker', this.place('worker', env)));
  }

  /** Registers programs that `command` steps may start: the value of SS_COMMAND_PROFILES. */
  async commandProfiles(
    profiles: Readonly<Record<string, unknown>>,
    name = 'profiles.json',
  ): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, JSON.stringify(profiles));
    return path;
  }

  /** Every file that is in the store, by its path there. */
  async storedFiles(): Promise<string[]> {
    const entries = await readdir(this.artifactsDir, { recursive: true, withFileTypes: true }).catch(
      () => [],
    );
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }

  /** Every line that a program of this deployment wrote, by whichever way. */
  get allOutput(): string[] {
    return this.programs.flatMap((program) => [...program.output, ...program.errors]);
  }

  /** Ends every program and takes everything away. */
  async close(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop('SIGKILL')));
    await this.operator.close();
    await this.release();
    await rm(this.folder, { recursive: true, force: true });
  }

  place(name: ProgramName, env: Env = {}): ProgramPlace {
    return {
      folder: this.folder,
      env: {
        ...QUICK,
        DATABASE_URL: name === 'api' ? this.urls.apiUrl : this.urls.workerUrl,
        SS_DATA_DIR: this.folder,
        SS_ARTIFACTS_DIR: this.artifactsDir,
        ...this.env,
        ...env,
      },
    };
  }

  private started(program: Program): Program {
    this.programs.push(program);
    return program;
  }
}
