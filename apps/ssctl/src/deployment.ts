import { createAuditPartitions, record } from '#audit';
import { type Configuration } from '#configuration';
import { Database, deploySchema, EmbeddedServer, programUrl, type ProgramRole, type Scope } from '#database';
import { deployQueues } from '#queue';
import { PLATFORM } from '#tenancy';
import { userInfo } from 'node:os';
import { say } from './terminal.js';

/** The operator, as the audit knows them: the user of this machine. */
export function operatorScope(reason?: string): Scope {
  return { actor: { kind: 'operator', id: userName() }, source: 'ssctl', reason };
}

/** In a container the user may have a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${String(process.getuid?.())}`;
  }
}

/** The database of this deployment, seen from the operator's side: with the owner's rights. */
export class Deployment {
  private constructor(
    /** Past any pooler: schema migrations need sessions. */
    readonly ownerUrl: string,
    /** Through a pooler, where DATABASE_DIRECT_URL says that DATABASE_URL is one. */
    private readonly pooledUrl: string | null,
    private readonly server: EmbeddedServer | null,
  ) {}

  /** Uses DATABASE_URL, or starts (or joins) the embedded server. */
  static async open(configuration: Configuration<'ssctl'>): Promise<Deployment> {
    const { databaseUrl, databaseDirectUrl } = configuration;
    if (databaseUrl !== null) {
      const isPooled = databaseDirectUrl !== null && databaseDirectUrl !== databaseUrl;
      return new Deployment(databaseDirectUrl ?? databaseUrl, isPooled ? databaseUrl : null, null);
    }
    const server = await EmbeddedServer.start({ dataDir: configuration.dataDir, log: say });
    return new Deployment(server.url, null, server);
  }

  /** Applies pending schema migrations and makes the queues. Answers the names of what was applied. */
  async deploy(): Promise<string[]> {
    const applied = await deploySchema(this.ownerUrl);
    await deployQueues(this.ownerUrl);
    await this.asOperator(async (database) => {
      await database.withoutTenant(operatorScope(), createAuditPartitions);
      if (applied.length > 0) await tellDeployed(database, applied);
    });
    return applied;
  }

  /**
   * The URL for one program, with a login of its own. Where the owner may not make logins, the program gets the
   * owner's and takes on its role in each transaction; it says so when it starts.
   */
  async urlFor(role: ProgramRole): Promise<string> {
    try {
      return await programUrl(this.ownerUrl, role);
    } catch (error) {
      say(`no login of its own for ${role}: ${error instanceof Error ? error.message : 'refused'}`);
      return this.ownerUrl;
    }
  }

  /** What a program is given to find its database; both URLs, so that it inherits none of the owner's. */
  async databaseOf(role: ProgramRole): Promise<{ DATABASE_URL: string; DATABASE_DIRECT_URL: string }> {
    const directUrl = await this.urlFor(role);
    if (this.pooledUrl === null) return { DATABASE_URL: directUrl, DATABASE_DIRECT_URL: directUrl };
    const url = new URL(this.pooledUrl);
    ({ username: url.username, password: url.password } = new URL(directUrl));
    if (await letsIn(url.toString(), role))
      return { DATABASE_URL: url.toString(), DATABASE_DIRECT_URL: directUrl };
    say(
      `the pooler of DATABASE_URL does not know the login ${url.username}; ${role} uses the one that is given`,
    );
    return { DATABASE_URL: this.pooledUrl, DATABASE_DIRECT_URL: directUrl };
  }

  /** Works as the operator: with the role's rights, not the owner's. */
  async asOperator<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = new Database({
      url: this.ownerUrl,
      role: 'ss_operator',
      applicationName: 'ssctl',
      poolSize: 2,
      onError: (error) => {
        say(`a connection to the database failed: ${error.message}`);
      },
    });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  }

  async close(): Promise<void> {
    await this.server?.stop();
  }
}

async function tellDeployed(database: Database, applied: readonly string[]): Promise<void> {
  const act = { action: 'schema.deployed', resourceType: 'schema', resourceId: applied.at(-1) ?? '' };
  await database.transaction({ ...operatorScope(), tenantId: PLATFORM }, (tx) =>
    record(tx, { ...act, metadata: { applied } }),
  );
}

async function letsIn(url: string, role: ProgramRole): Promise<boolean> {
  const database = new Database({
    url,
    role,
    applicationName: 'ssctl',
    poolSize: 1,
    onError: () => undefined,
  });
  try {
    await database.ping();
    return true;
  } catch {
    return false;
  } finally {
    await database.close();
  }
}
