/** As much of an OpenAPI document as is worked with here. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: readonly unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  maxProperties?: number;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  additionalProperties?: boolean | Schema;
}

export interface MediaType {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, unknown>;
}

export interface Response {
  description?: string;
  headers?: Record<string, { $ref: string } | { description?: string; schema?: Schema }>;
  content?: Record<string, MediaType>;
}

export interface Parameter {
  name: string;
  in: string;
  description?: string;
  required?: boolean;
  schema?: Schema;
}

export interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  deprecated?: boolean;
  tags?: string[];
  security?: object[];
  /** The scope that the route asks of its caller, or `any`; becomes words of the description. */
  'x-needs'?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, MediaType> };
  responses: Record<string, Response>;
}

export type Paths = Record<string, Record<string, Operation>>;

export interface Document {
  openapi: string;
  info: { title: string; version: string; description?: string; contact?: object; license?: object };
  servers?: { url: string; description?: string }[];
  tags?: { name: string; description?: string }[];
  paths: Paths;
  components: { schemas: Record<string, Schema>; headers?: Record<string, object>; securitySchemes?: object };
}

const SCHEMAS = '#/components/schemas/';

/** Every operation with its address and method. */
export function* operationsOf(paths: Paths): Generator<[path: string, method: string, operation: Operation]> {
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) yield [path, method, operation];
}

/** What a pointer into the document's schemas names. */
export function schemaName(ref: string): string {
  return ref.slice(SCHEMAS.length);
}

/** The schema itself, where it may be a pointer to one. */
export function resolve(document: Document, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  return document.components.schemas[schemaName(schema.$ref)] ?? {};
}

/** Takes the schemas away that nothing points to, however indirectly. */
export function dropUnusedSchemas(document: Document): void {
  const { schemas } = document.components;
  const used = new Set<string>();
  const follow = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part ?? null).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      follow(schemas[name]);
    }
  };
  follow(document.paths);
  const isUsed = ([name]: [string, unknown]): boolean => used.has(name);
  document.components.schemas = Object.fromEntries(Object.entries(schemas).filter(isUsed));
}
