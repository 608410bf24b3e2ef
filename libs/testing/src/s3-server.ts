import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BUCKET = 'artifacts-of-tests';
/** The one account that the server knows. */
const ACCOUNT = 'S3RVER';

interface S3rver {
  run: () => Promise<AddressInfo>;
  close: () => Promise<void>;
  readonly httpServer: Server;
}

type S3rverClass = new (options: Readonly<Record<string, unknown>>) => S3rver;

/** A server that speaks S3, on loopback, with a bucket and a folder of its own. */
export class S3Server {
  readonly bucket = BUCKET;

  private constructor(
    private readonly server: S3rver,
    private readonly folder: string,
    readonly endpoint: string,
  ) {}

  static async start(): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), 'ss-s3-'));
    // The package brings no types.
    const Rver = createRequire(import.meta.url)('@20minutes/s3rver') as S3rverClass;
    const server = new Rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: folder,
      vhostBuckets: false,
      // It leaves the last slash of a bucket's path out of what it signs, which the SDK does not. Accounts are checked.
      allowMismatchedSignatures: true,
      configureBuckets: [{ name: BUCKET }],
    });
    const { port } = await server.run();
    return new S3Server(server, folder, `http://127.0.0.1:${String(port)}`);
  }

  /** What a program needs to keep its files here. */
  get env(): Readonly<Record<string, string>> {
    return {
      SS_ARTIFACT_STORE: 's3',
      SS_S3_BUCKET: BUCKET,
      SS_S3_ENDPOINT: this.endpoint,
      SS_S3_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: ACCOUNT,
      AWS_SECRET_ACCESS_KEY: ACCOUNT,
    };
  }

  /** Every file that the server keeps, parts of unfinished uploads included, by its path in its folder. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  }

  /** Answers nobody any more; what it keeps stays. */
  async stop(): Promise<void> {
    const closed = this.server.close();
    this.server.httpServer.closeAllConnections();
    await closed;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
