import { deploySchema, EmbeddedServer, programUrl } from '#database';
import { deployQueues } from '#queue';
import { type Client, Deployment, type Program } from '#testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Document } from '../../../api/src/openapi/document.js';
import type { Asker } from '../requests/request.js';
import { plantJobs, plantTheirs } from './planted.js';
import { World } from './world.js';

const OURS = 'fuzz';
const THEIRS = 'theirs';

/** A deployment of the fuzzer's own: a database, the API and a worker, and two tenants that have something. */
export class FuzzedDeployment {
  private constructor(
    readonly deployment: Deployment,
    readonly api: Program,
    readonly client: Client,
    readonly keys: Readonly<Record<Asker, string | null>>,
    readonly world: World,
    readonly documents: ReadonlyMap<string, Document>,
    private readonly release: () => Promise<void>,
  ) {}

  static async open(): Promise<FuzzedDeployment> {
    const dataDir = await mkdtemp(join(tmpdir(), 'ss-fuzz-'));
    const server = await EmbeddedServer.temporary({ dataDir });
    const stop = async (): Promise<void> => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    };
    let deployment: Deployment | null = null;
    try {
      await deploySchema(server.url);
      await deployQueues(server.url);
      const [apiUrl, workerUrl, operatorUrl] = await Promise.all([
        programUrl(server.url, 'ss_api'),
        programUrl(server.url, 'ss_worker'),
        programUrl(server.url, 'ss_operator'),
      ]);
      deployment = await Deployment.on({ apiUrl, workerUrl, operatorUrl });
      return await FuzzedDeployment.fill(deployment, stop);
    } catch (error) {
      await deployment?.close();
      await stop();
      throw error;
    }
  }

  /** Everything that a program complained of. */
  get complaints(): string[] {
    return this.deployment.programs.flatMap((program) => [
      ...program.errors,
      ...program.output.filter((line) => /"level":"(?:error|fatal)"/.test(line)),
    ]);
  }

  async close(): Promise<void> {
    await this.deployment.close();
    await this.release();
  }

  private static async fill(deployment: Deployment, release: () => Promise<void>): Promise<FuzzedDeployment> {
    const [api] = await Promise.all([deployment.api(), deployment.worker()]);
    for (const tenant of [OURS, THEIRS, 'spare']) await deployment.tenant(tenant);
    const own = await deployment.key(OURS);
    const narrow = await deployment.key(OURS, ['jobs:read']);
    const platform = await deployment.key('spare', ['platform:admin']);
    const client = (await deployment.client(api)).withKey(own.key);
    const canary = `CANARY-${randomBytes(6).toString('hex')}`;
    const theirs = await plantTheirs(client.withKey((await deployment.key(THEIRS)).key), canary);
    const spared = new Set([own.keyId, narrow.keyId, platform.keyId]);
    const world = new World(spared, [canary, ...theirs.secretIds]);
    world.plantTheirs({ ...theirs.ids, tenant_id: THEIRS });
    for (const ids of await plantJobs(client)) world.plant({ ...ids, tenant_id: OURS, name: 'job.run' });
    const wrong = `${own.key.slice(0, -4)}xxxx`;
    const keys = { own: own.key, nobody: null, wrong, narrow: narrow.key, platform: platform.key };
    const documents = await documentsOf(client);
    return new FuzzedDeployment(deployment, api, client, keys, world, documents, release);
  }
}

/** As the running API tells them. */
async function documentsOf(client: Client): Promise<Map<string, Document>> {
  const { items } = (await client.get<{ items: { name: string; openapi: string }[] }>('/versions')).body;
  const documents = new Map<string, Document>();
  for (const { name, openapi } of items) documents.set(name, (await client.get<Document>(openapi)).body);
  return documents;
}
