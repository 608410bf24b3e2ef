import { MetricsPage, type MetricsProgram } from '#observability';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface MetricsSettings {
  /** Whether the program tells its metrics at all. */
  metrics: boolean;
  /** A port for them alone; null: `/metrics` beside everything else that the program serves. */
  metricsPort: number | null;
  /** The address of that port; null: the program's own. */
  metricsHost: string | null;
  host: string;
}

export interface MetricsServer {
  url: string;
  close: () => Promise<void>;
}

/** Whether the program's own port serves `/metrics`. */
export function isOnOwnPort({ metrics, metricsPort }: MetricsSettings): boolean {
  return metrics && metricsPort === null;
}

/** Serves `/metrics`, and nothing else, on the port that the settings name; null where they name none. */
export async function openMetricsServer(
  program: MetricsProgram,
  { metrics, metricsPort, metricsHost, host }: MetricsSettings,
): Promise<MetricsServer | null> {
  if (!metrics || metricsPort === null) return null;
  const page = new MetricsPage(program);
  const server = createServer((request, response) => {
    void answer(page, request, response);
  });
  const address = metricsHost ?? host;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(metricsPort, address, resolve);
  });
  // A TCP server that listens has an address of this form.
  const { port } = server.address() as AddressInfo;
  const name = address.includes(':') ? `[${address}]` : address;
  return {
    url: `http://${name}:${String(port)}/metrics`,
    close: async () => {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

async function answer(page: MetricsPage, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url?.split('?')[0] !== '/metrics') {
    response.writeHead(404).end();
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return;
  }
  try {
    const text = await page.render();
    response.writeHead(200, { 'Content-Type': page.contentType }).end(text);
  } catch {
    response.writeHead(500).end();
  }
}
