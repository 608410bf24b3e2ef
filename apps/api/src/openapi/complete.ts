import { ERROR_CODES, type ErrorCode } from '#observability';
import { problemOf } from '../http/problem.js';
import { asLegacy } from '../legacy-routes/legacy-refusal.js';
import type { ApiVersion } from '../versions/api-version.js';
import {
  type Document,
  type Operation,
  operationsOf,
  resolve,
  type Response,
  type Schema,
} from './document.js';
import { giveExample } from './examples.js';
import { headersOf, tellHeaders } from './headers.js';
import { refusalsOf } from './refusals.js';

/** What parameters are, where their declaration leaves it out. */
const PARAMETERS: Readonly<Record<string, string>> = {
  columns: 'How many columns to show.',
  dataset_key: 'The name of the dataset’s table in SQL.',
  delivery_id: 'The id of the delivery.',
  job_id: 'The id of the job, in its tenant.',
  key_id: 'The id of the key; not the key.',
  limit: 'How many items a page has at most.',
  name: 'The name of the queue.',
  revision: 'The number of the draft, from 1.',
  rows: 'How many rows to show.',
  run_id: 'The id of the run.',
  task_id: 'The id of the task.',
  tenant_id: 'The id of the tenant.',
  upload_id: 'The id of the upload.',
  webhook_id: 'The id of the webhook.',
};

const ANY_FILE = 'application/octet-stream';
const REQUEST_ID = '4bf92f3577b34da6';

/** A refusal as the version writes it. */
interface Written {
  status: number;
  code: string;
  means: string;
  body: object;
}

/** Adds to every operation what follows from its form: its refusals by status and code, its headers, examples. */
export function completeDocument(document: Document, version: ApiVersion): void {
  const isEnding = version.deprecated !== null;
  for (const [path, method, operation] of operationsOf(document.paths)) {
    if (path.startsWith('/health/')) {
      operation.description ??= `${operation.summary ?? ''}.`;
      tellHeaders(operation, '200', operation.responses['200'] ?? {}, {
        ...{ showsVersion: false, showsPage: false, isEnding: false },
      });
      continue;
    }
    const isOf = path === version.prefix || path.startsWith(`${version.prefix}/`);
    if (isOf && isEnding) operation.deprecated = true;
    if (isConditional(operation, method, version)) tellConditions(operation);
    describe(operation);
    describeReads(operation, method, path);
    const codes = refusalsOf(operation, method, isOf && isEnding);
    addRefusals(
      operation,
      codes.map((code) => write(code, version)),
      version,
    );
    for (const [status, response] of Object.entries(operation.responses)) {
      tellHeaders(operation, status, response, {
        showsVersion: shows(document, response, ['job_id', 'version']),
        showsPage: shows(document, response, ['next_cursor']),
        isEnding: isOf && isEnding,
      });
    }
  }
  document.components.headers = headersOf(document.paths);
  for (const [, , { requestBody, responses }] of operationsOf(document.paths)) {
    for (const { content } of [...(requestBody ? [requestBody] : []), ...Object.values(responses)])
      for (const [type, media] of Object.entries(content ?? {})) giveExample(document, type, media);
  }
}

/** In words what the document cannot say otherwise. */
function describe(operation: Operation): void {
  const { 'x-needs': needs, summary = '' } = operation;
  delete operation['x-needs'];
  operation.description ??= [
    `${summary}.`,
    ...(needs === undefined ? ['It asks for no key.'] : []),
    ...(needs === 'any' ? ['Any key will do.'] : []),
    ...(needs !== undefined && needs !== 'any' ? [`The key needs the scope \`${needs}\`.`] : []),
  ].join('\n\n');
  for (const parameter of operation.parameters ?? [])
    parameter.description ??= PARAMETERS[parameter.name] ?? `The ${parameter.name.replaceAll('_', ' ')}.`;
}

/** A file has the type that it has; a read is not sent again to who has it (conditional-answers.ts). */
function describeReads(operation: Operation, method: string, path: string): void {
  for (const { content } of Object.values(operation.responses)) {
    if (!content?.[ANY_FILE]) continue;
    content['*/*'] = content[ANY_FILE];
    Reflect.deleteProperty(content, ANY_FILE);
  }
  const isConditional = operation.responses['200']?.content?.['application/json'] && path.startsWith('/v1/');
  if (method === 'get' && isConditional)
    operation.responses['304'] ??= { description: 'It is what the client has, by If-None-Match.' };
}

function write(code: ErrorCode, { refusals }: ApiVersion): Written {
  const means = ERROR_CODES[code];
  const problem = problemOf({ code, detail: means }, REQUEST_ID);
  if (refusals === 'problem') return { status: problem.status, code, means, body: problem };
  const { status, body } = asLegacy(problem);
  return { status, code: body.error_code, means, body };
}

function addRefusals(operation: Operation, written: readonly Written[], version: ApiVersion): void {
  const [mediaType, name, field] =
    version.refusals === 'problem'
      ? ['application/problem+json', 'ProblemBody', 'code']
      : ['application/json', 'LegacyRefusalBody', 'error_code'];
  const statuses = new Set(written.map(({ status }) => status));
  for (const status of statuses) {
    const same = written.filter((one) => one.status === status);
    const codes = [...new Set(same.map(({ code }) => code))];
    const schema: Schema = {
      allOf: [
        { $ref: `#/components/schemas/${name}` },
        { type: 'object', properties: { [field]: { type: 'string', enum: codes } } },
      ],
    };
    operation.responses[String(status)] = {
      description: same.map(({ code, means }) => `- \`${code}\`: ${means}`).join('\n'),
      content: { [mediaType]: { schema, example: same[0]?.body } },
    };
  }
}

/** Of some fields a header tells as well: the version, the next page. */
function shows(document: Document, { content }: Response, fields: readonly string[]): boolean {
  return Object.values(content ?? {}).some(({ schema }) => {
    const { properties = {} } = resolve(document, schema ?? {});
    return fields.every((field) => field in properties);
  });
}

/** See answerConditions(): every read of JSON under a key. */
function isConditional(
  { security = [], responses }: Operation,
  method: string,
  { refusals }: ApiVersion,
): boolean {
  const isJson = 'application/json' in (responses['200']?.content ?? {});
  return method === 'get' && security.length > 0 && isJson && refusals === 'problem';
}

function tellConditions(operation: Operation): void {
  const description = 'ETags that the client has the answer of: 304 when one of them is still right.';
  const header = { name: 'If-None-Match', in: 'header', required: false, description };
  operation.parameters = [...(operation.parameters ?? []), { ...header, schema: { type: 'string' } }];
  operation.responses['304'] = { description: 'It is what the client has.' };
}
