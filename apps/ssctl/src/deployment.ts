import { createAuditPartitions } from '#audit';
import { type Configuration } from '#configuration';
import { Database, deploySchema, EmbeddedServer, programUrl, type ProgramRole, type Scope } from '#database';
import { deployQueues } from '#queue';
import { userInfo } from 'node:os';
import { say } from './terminal.js';

/** The operator, as the audit knows them: the user of this machine. */
export function operatorScope(reason?: string): Scope {
  return { actor: { kind: 'operator', id: userInfo().username }, source: 'ssctl', reason };
}

/** The database of this deployment, seen from the operator's side: with the owner's rights. */
export class Deployment {
  private constructor(
    readonly ownerUrl: string,
    private readonly server: EmbeddedServer | null,
  ) {}

  /** Uses DATABASE_URL, or starts (or joins) the embedded server. */
  static async open(configuration: Configuration<'ssctl'>): Promise<Deployment> {
    if (configuration.databaseUrl !== null) return new Deployment(configuration.databaseUrl, null);
    const server = await EmbeddedServer.start({ dataDir: configuration.dataDir, log: say });
    return new Deployment(server.url, server);
  }

  /** Applies pending schema migrations and makes the queues. Answers the names of what was applied. */
  async deploy(): Promise<string[]> {
    const applied = await deploySchema(this.ownerUrl);
    await deployQueues(this.ownerUrl);
    await this.asOperator((database) => database.withoutTenant(operatorScope(), createAuditPartitions));
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
