export { EmbeddedServer, type EmbeddedServerOptions } from './embedded/embedded-server.js';
export { EmbeddedServerFailed } from './embedded/embedded-server-failed.js';
