import { assertSafeRelPath } from '#artifacts';
import { DatasetNotFound, JobIdUnsafe, RunNotFound, TaskNotFound } from '#jobs';
import { KeyNotFound, TenantNotFound } from '#tenancy';
import { createParamDecorator, type ExecutionContext, Param, type PipeTransform } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RequestInvalid } from './request-invalid.js';

/** Ids of legacy jobs may hold nearly anything; what cannot be an id of any job is refused without a look. */
class JobIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    if (
      typeof value !== 'string' ||
      value.length > 255 ||
      /^~|^\.{1,2}$|[/\\\0]/.test(value) ||
      value === '' ||
      !value.isWellFormed()
    ) {
      throw new JobIdUnsafe();
    }
    return value;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

class RunIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    const text = String(value);
    if (!UUID.test(text)) throw new RunNotFound(text.slice(0, 64));
    return text.toLowerCase();
  }
}

class TaskIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    const text = String(value);
    if (!UUID.test(text)) throw new TaskNotFound(text.slice(0, 64));
    return text.toLowerCase();
  }
}

/** Tenants are named freely by older deployments; what no row can hold is no tenant's name. */
class TenantIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    const text = String(value);
    if (text.length > 255 || text.includes('\0') || !text.isWellFormed()) throw new TenantNotFound('');
    return text;
  }
}

class KeyIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    const text = String(value);
    if (!/^key_[0-9a-f]{16}$/.test(text)) throw new KeyNotFound(text.slice(0, 64).replaceAll('\0', ''));
    return text;
  }
}

class DatasetKeyPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    const text = String(value);
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(text)) throw new DatasetNotFound(text.slice(0, 64));
    return text;
  }
}

class RevisionPipe implements PipeTransform<unknown, number> {
  transform(value: unknown): number {
    const text = String(value);
    if (!/^[1-9]\d{0,8}$/.test(text))
      throw new RequestInvalid([{ pointer: '', detail: 'a revision is a whole number from 1' }]);
    return Number(text);
  }
}

export const RevisionParam = (): ParameterDecorator => Param('revision', new RevisionPipe());
export const JobIdParam = (): ParameterDecorator => Param('job_id', new JobIdPipe());
export const RunIdParam = (): ParameterDecorator => Param('run_id', new RunIdPipe());
export const TaskIdParam = (): ParameterDecorator => Param('task_id', new TaskIdPipe());
export const TenantIdParam = (): ParameterDecorator => Param('tenant_id', new TenantIdPipe());
export const KeyIdParam = (): ParameterDecorator => Param('key_id', new KeyIdPipe());
export const DatasetKeyParam = (): ParameterDecorator => Param('dataset_key', new DatasetKeyPipe());

/** The rest of the address, slashes included. Not by `@Param('*')`, which OpenAPI would list as a parameter too. */
export const RelPathParam = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const { params } = context.switchToHttp().getRequest<FastifyRequest<{ Params: { '*'?: unknown } }>>();
  const text = String(params['*']);
  assertSafeRelPath(text);
  return text;
});
