import type { Fault } from '#observability';
import { type ArgumentMetadata, type PipeTransform, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { RequestInvalid } from './request-invalid.js';
import { assertWellFormed, type JsonLimits } from './well-formed.js';

/** Parses body and query by their DTO class; unknown fields are refused by name. */
export class BodyPipe implements PipeTransform {
  constructor(private readonly limits: JsonLimits) {}

  private readonly validation = new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) => new RequestInvalid(errors.flatMap((error) => faultsOf(error, ''))),
  });

  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'custom') return value;
    if (metadata.type === 'body') {
      if (value !== undefined && value !== null && (typeof value !== 'object' || Array.isArray(value))) {
        throw new RequestInvalid([{ pointer: '', detail: 'must be a JSON object' }]);
      }
      assertWellFormed(value, this.limits);
    }
    if (metadata.type === 'query') assertWellFormed(value, this.limits);
    return (await this.validation.transform(value, metadata)) as unknown;
  }
}

function faultsOf(error: ValidationError, parent: string): Fault[] {
  const pointer = `${parent}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const own = Object.entries(error.constraints ?? {}).map(([rule, detail]) => ({
    pointer,
    detail: rule === 'whitelistValidation' ? 'is not a field of this request' : detail,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => faultsOf(child, pointer))];
}
