import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Response } from '../../../api/src/openapi/document.js';
import type { Route } from '../requests/routes.js';

/** Says what of an answer's body is not as the document has it. */
export class DocumentedBodies {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true });
  private readonly known = new Map<string, ValidateFunction>();

  constructor(routes: readonly Route[]) {
    formats.default(this.ajv);
    for (const { version, document } of routes)
      if (!this.ajv.getSchema(version)) this.ajv.addSchema(document, version);
  }

  /** Null: it is as documented. */
  faultOf(route: Route, status: number, contentType: string, body: Buffer): string | null {
    const response: Response | undefined = route.operation.responses[String(status)];
    if (!response) return `the status ${String(status)} is not documented`;
    const types = Object.keys(response.content ?? {});
    if (types.length === 0) return body.length === 0 ? null : 'a body is there, and none is documented';
    const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
    // A file has the type that it has.
    if (types.includes('*/*')) return null;
    if (!types.includes(type)) return `the content type ${type || '(none)'} is not among ${types.join(', ')}`;
    if (!/[/+]json$/.test(type)) return null;
    const value = parsed(body);
    if (value === undefined) return 'the body is no JSON';
    const validate = this.validatorOf(route, String(status), type);
    if (validate(value)) return null;
    return `the body is not as documented: ${this.ajv.errorsText(validate.errors, { dataVar: '' })}`;
  }

  private validatorOf(
    { version, path, method, operation }: Route,
    status: string,
    type: string,
  ): ValidateFunction {
    const schema = operation.responses[status]?.content?.[type]?.schema;
    if (!schema) return (() => true) as unknown as ValidateFunction; // nothing is said of it
    const pointer = ['paths', path, method.toLowerCase(), 'responses', status, 'content', type, 'schema']
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const ref = `${version}#/${pointer}`;
    const validate = this.known.get(ref) ?? this.ajv.compile({ $ref: ref });
    this.known.set(ref, validate);
    return validate;
  }
}

export function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
