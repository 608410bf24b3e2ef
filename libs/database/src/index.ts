export { type AuditorLimits, dropAuditorLogin, tryCreateAuditorLogin } from './auditor-logins.js';
export { type Connection, connectionFor } from './connection.js';
export { Database, type DatabaseOptions } from './database.js';
export { EmbeddedServer } from './embedded-server.js';
export { CommitUnknown, isNotDeployed, isUniqueViolation, SchemaMismatch, WriteFailed } from './errors.js';
export { type Cause, CAUSES, causeOf, isBusy, isTransient, isUnavailable } from './faults.js';
export { type Prisma } from './generated/client.js';
export { Inspection, type Question } from './inspection.js';
export { type Instant } from './instants.js';
export { NotListening, type Subscription } from './listen.js';
export { plain, type Plain } from './plain.js';
export { type ProgramRole, programUrl } from './roles.js';
export {
  assertSchema,
  deploySchema,
  readSchemaStatus,
  schemaStatus,
  type SchemaStatus,
} from './schema-migrations.js';
export { type Actor, type Scope, type TenantScope } from './scope.js';
export { ServerFigures, type ServerLook } from './server-figures.js';
export { Tx } from './tx.js';
