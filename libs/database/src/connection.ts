import { EmbeddedServer } from './embedded-server.js';
import { type ProgramRole, programUrl } from './roles.js';

export interface Connection {
  url: string;
  /** Past any pooler, for LISTEN. */
  directUrl: string;
  /** Lets go of the embedded server, if there is one: the last program to do so stops it. */
  release(): Promise<void>;
}

/** Where a program finds its database: the given URL, or the embedded server with a login of the program's own. */
export async function connectionFor(
  role: ProgramRole,
  settings: {
    databaseUrl: string | null;
    databaseDirectUrl: string | null;
    dataDir: string;
    log?: (line: string) => void;
  },
): Promise<Connection> {
  if (settings.databaseUrl !== null) {
    const { databaseUrl: url, databaseDirectUrl } = settings;
    return { url, directUrl: databaseDirectUrl ?? url, release: () => Promise.resolve() };
  }
  const { dataDir, log } = settings;
  const server = await EmbeddedServer.start({ dataDir, ...(log ? { log } : {}) });
  try {
    const url = await programUrl(server.url, role);
    return { url, directUrl: url, release: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
