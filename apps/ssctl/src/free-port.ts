import { once } from 'node:events';
import { createServer } from 'node:net';

/** The wanted port, or another where that one is taken. */
export async function freePort(host: string, wanted: number): Promise<number> {
  return (await tryListen(host, wanted)) ?? (await tryListen(host, 0)) ?? wanted;
}

async function tryListen(host: string, port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address ? address.port : null;
  } catch {
    return null;
  } finally {
    server.close();
  }
}
