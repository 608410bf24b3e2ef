/**
 * One PostgreSQL for the whole test run, made for it and thrown away after it. Tests find it in SS_TEST_SERVER_URL
 * (superuser); databases are made and cloned by libs/testing.
 *
 * Jest loads this file without its transforms, so it uses the built server: `npm test` builds first.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const built = join(root, 'dist/libs/database/src/embedded-server.js');
const scratch = join(root, '.ss');

export default async function startServer() {
  if (!existsSync(built)) throw new Error('Nothing is built yet. Run the tests by: npm test');
  const { EmbeddedServer } = await import(built);
  await sweep(EmbeddedServer);
  const log = (line) => process.stderr.write(`${line}\n`);
  const server = await EmbeddedServer.temporary({ dataDir: join(scratch, `test-${process.pid}`), log });
  globalThis.testServer = server;
  stopWithTheRun(server);
  process.env.SS_TEST_SERVER_URL = server.url;
  if (process.env.SS_TEST_THROUGH_PGBOUNCER === 'true') await startPooler(server.url);
}

/** Programs reach their databases through it; whoever builds and looks (the superuser) goes past it. */
async function startPooler(serverUrl) {
  const { deploySchema, programUrl } = await import(join(root, 'dist/libs/database/src/index.js'));
  const { startPgBouncer } = await import('../src/pgbouncer.ts');
  // The roles that the logins are members of; they belong to the server, not to this database.
  await deploySchema(serverUrl);
  const logins = [serverUrl];
  for (const role of ['ss_api', 'ss_worker', 'ss_operator']) logins.push(await programUrl(serverUrl, role));
  globalThis.testPooler = await startPgBouncer({ logins, poolSize: 20 });
  process.env.SS_TEST_PGBOUNCER_URL = globalThis.testPooler.through(serverUrl);
}

/** Jest does not tear down what it set up when it is interrupted. */
function stopWithTheRun(server) {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => {
      void globalThis.testPooler?.close();
      void server.stop().finally(() => process.exit(code));
    });
  }
}

/** Ends and removes the servers of test runs that were killed. Taking one over and stopping it does both. */
async function sweep(EmbeddedServer) {
  for (const name of existsSync(scratch) ? readdirSync(scratch) : []) {
    const pid = Number(/^test-(\d+)(?:-|$)/.exec(name)?.[1] ?? 0);
    if (pid === 0 || isRunning(pid)) continue;
    await (await EmbeddedServer.temporary({ dataDir: join(scratch, name) })).stop();
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
