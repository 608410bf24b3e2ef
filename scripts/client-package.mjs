/** libs/client as it is published: compiled, with its declarations, its package.json and README. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { nodeBinary, packageProgram, runCaptured, withProjectPrograms } from './processes.mjs';

const LIMIT_MS = 120_000;

/** Makes it anew in the folder; null, with what tsc said on standard error, when it does not compile. */
export async function stageClient(folder = join(root, 'dist/packages/client')) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = [packageProgram('typescript', 'bin/tsc'), '-p', 'libs/client/tsconfig.build.json'];
  const { code, output } = await runCaptured(nodeBinary(), [...args, '--outDir', join(folder, 'dist')], {
    env: withProjectPrograms(process.env),
    limitMs: LIMIT_MS,
  });
  if (code !== 0) {
    process.stderr.write(output);
    return null;
  }
  for (const name of ['package.json', 'README.md'])
    cpSync(join(root, 'libs/client', name), join(folder, name));
  return folder;
}
