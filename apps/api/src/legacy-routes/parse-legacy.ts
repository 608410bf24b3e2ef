import type { Fault } from '#observability';
import { type ClassConstructor, plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { RequestInvalid } from '../http/request-invalid.js';

/** The body by its class. Fields that the class does not have are left out: the legacy service ignored them. */
export function parseLegacy<T extends object>(type: ClassConstructor<T>, body: unknown): T {
  const request = plainToInstance(type, body ?? {});
  const errors = validateSync(request, { whitelist: true, stopAtFirstError: true });
  if (errors.length > 0) throw new RequestInvalid(errors.flatMap(faultsOf));
  return request;
}

function faultsOf({ property, constraints }: ValidationError): Fault[] {
  return Object.values(constraints ?? {}).map((detail) => ({ pointer: `/${property}`, detail }));
}
