import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import type { Server } from './deployment/server.js';

/** What the figures of a report were measured on. */
export interface Machine {
  cpus: number;
  cpu: string;
  memory_gib: number;
  os: string;
  node: string;
  postgresql: string;
}

export async function describeMachine(server: Server): Promise<Machine> {
  const [row] = await server.sql<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return {
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memory_gib: Math.round(totalmem() / 1024 ** 3),
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? process.platform,
    node: process.version,
    postgresql: row?.version ?? 'unknown',
  };
}
