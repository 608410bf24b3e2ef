import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SCRIPT = join(import.meta.dirname, '../../../scripts/client-package.mjs');

/** The folder of the client as it is published, made anew. */
export async function stagedClient(folder?: string): Promise<string> {
  // A script of plain JavaScript, which has no types.
  const { stageClient } = (await import(pathToFileURL(SCRIPT).href)) as {
    stageClient: (folder?: string) => Promise<string | null>;
  };
  const staged = await stageClient(folder);
  if (staged === null) throw new Error('the client does not compile');
  return staged;
}
