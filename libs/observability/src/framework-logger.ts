import type { LoggerService } from '@nestjs/common';
import type { Logger } from './logger.js';

/** What Nest says of itself, in our format. Its account of every module and route at start is left out. */
export class FrameworkLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(): void {
    // Nothing of it is an event for an operator.
  }

  warn(message: unknown, context?: unknown): void {
    this.logger.warn({ event: 'SS_FRAMEWORK', context }, String(message));
  }

  error(message: unknown, stack?: unknown, context?: unknown): void {
    this.logger.error({ event: 'SS_FRAMEWORK', context, stack }, String(message));
  }

  fatal(message: unknown, context?: unknown): void {
    this.logger.fatal({ event: 'SS_FRAMEWORK', context }, String(message));
  }
}
