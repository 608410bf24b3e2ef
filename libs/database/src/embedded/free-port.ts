import { createServer } from 'node:net';

/** The wished port when it is free, any other otherwise. */
export async function freePort(wished: number | null): Promise<number> {
  return (await tryPort(wished ?? 0)) ?? (await tryPort(0)) ?? 0;
}

async function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(null);
    });
    probe.listen(port, '127.0.0.1', () => {
      const bound = probe.address();
      probe.close(() => {
        resolve(bound !== null && typeof bound === 'object' ? bound.port : null);
      });
    });
  });
}
