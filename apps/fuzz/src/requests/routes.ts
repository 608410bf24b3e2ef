import { type Document, type Operation, operationsOf } from '../../../api/src/openapi/document.js';

/** One operation of a document, with where it stands in there. */
export interface Route {
  document: Document;
  /** The name of its version. */
  version: string;
  method: string;
  path: string;
  operation: Operation;
}

export function routesOf(documents: ReadonlyMap<string, Document>): Route[] {
  return [...documents].flatMap(([version, document]) =>
    [...operationsOf(document.paths)].map(([path, method, operation]) => ({
      document,
      version,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

export function nameOf({ operation }: Route): string {
  return operation.operationId;
}
