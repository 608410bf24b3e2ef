import { DomainError } from '#observability';

/** The embedded server cannot run here. The message says what would help. */
export class EmbeddedServerFailed extends DomainError<'EMBEDDED_SERVER_FAILED'> {
  constructor(message: string, options?: ErrorOptions) {
    super('EMBEDDED_SERVER_FAILED', message, {}, [], options);
  }
}
