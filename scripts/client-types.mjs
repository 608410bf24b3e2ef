/** The types of libs/client, made from the OpenAPI document of the current version. `npm run docs` writes them. */
import openapiTS, { astToString } from 'openapi-typescript';

const HEAD = `// Made by openapi-typescript from docs/openapi/v1.json: npm run docs.
`;

/** A field with a default may be left out of a request: so it counts as optional. */
export async function renderClientTypes(document) {
  return HEAD + astToString(await openapiTS(document, { defaultNonNullable: false }));
}
