import { Client, Deployment } from '#testing';
import type { BenchDatabase } from '../place.js';

const UPLOAD_BYTES = 1_000_000;
const AT_ONCE = 10;

/** A real API, asked over real sockets. */
export class ApiUnderLoad {
  private readonly clients = new Map<string, Client>();

  private constructor(
    private readonly deployment: Deployment,
    private readonly url: string,
  ) {}

  static async start(place: BenchDatabase): Promise<ApiUnderLoad> {
    const deployment = await Deployment.on(place, { SS_LOG_LEVEL: 'info', SS_DATABASE_POOL_SIZE: '10' });
    return new ApiUnderLoad(deployment, (await deployment.api()).url);
  }

  async stop(): Promise<void> {
    await this.deployment.close();
  }

  /**
   * The median of requests that read one row, in millionths of a second, of each tenant. They ask in turns, one after the
   * other: what else the machine does meets them all alike.
   */
  async requestMicros(tenantIds: readonly string[], requests: number): Promise<number[]> {
    const clients = await Promise.all(tenantIds.map((tenantId) => this.client(tenantId)));
    const times = clients.map((): number[] => []);
    for (let n = 0; n < requests; n++) {
      for (const [index, client] of clients.entries()) {
        const begun = performance.now();
        await client.get('/v1/jobs?limit=1');
        times[index]?.push(performance.now() - begun);
      }
    }
    return times.map((all) => (all.sort((a, b) => a - b)[Math.floor(requests / 2)] ?? NaN) * 1_000);
  }

  /** Ten files of a megabyte for ten jobs, sent at once: until the last is answered. */
  async tenUploadsMs(tenantId: string): Promise<number> {
    const client = await this.client(tenantId);
    const paths: string[] = [];
    for (let n = 0; n < AT_ONCE; n++) {
      const { body } = await client.post<{ job_id: string }>('/v1/jobs', { requirement: 'x' });
      paths.push(`/v1/jobs/${body.job_id}/inputs`);
    }
    const content = `a,b\n${'1,2\n'.repeat(UPLOAD_BYTES / 4 - 1)}`;
    const begun = performance.now();
    const answers = await Promise.all(
      paths.map((path) => client.upload(path, [{ role: 'other', name: 'a.csv', content }])),
    );
    const refused = answers.find(({ status }) => status !== 201);
    if (refused) throw new Error(`an upload was answered ${String(refused.status)}`);
    return performance.now() - begun;
  }

  private async client(tenantId: string): Promise<Client> {
    const known = this.clients.get(tenantId);
    if (known) return known;
    const made = new Client(this.url, (await this.deployment.key(tenantId)).key);
    this.clients.set(tenantId, made);
    return made;
  }
}
