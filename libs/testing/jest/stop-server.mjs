/** The end of what start-server.mjs began. */
export default async function stopServer() {
  await globalThis.testPooler?.close();
  await globalThis.testServer?.stop();
}
