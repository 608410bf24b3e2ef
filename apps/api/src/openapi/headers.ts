import { type Operation, operationsOf, type Paths, type Response, type Schema } from './document.js';

interface Header {
  description: string;
  schema: Schema;
  example: unknown;
}

const text = (description: string, example: string): Header => ({
  description,
  schema: { type: 'string' },
  example,
});

/** Every header that answers carry, with what it says. */
const HEADERS = {
  'Accept-Ranges': text('Ranges of bytes can be asked for.', 'bytes'),
  'Content-Disposition': text('The file’s name (RFC 6266).', 'attachment; filename="mean.csv"'),
  'Content-Range': text('Which bytes these are, of how many (RFC 9110).', 'bytes 0-99/1234'),
  Deprecation: text('Since when the address is deprecated (RFC 9745).', '@1795392000'),
  ETag: text('The version of the job, for If-Match; of a file its hash.', '"3"'),
  'Idempotent-Replayed': text('`true`: the answer was given before, to the same key and body.', 'true'),
  Link: text(
    '`first` and `next`: pages of a list. `deprecation`: what is said of the address; `successor-version`: where to go ' +
      '(RFC 8288).',
    '</v1/jobs?cursor=WyIyMDI2LTExLTIzIl0>; rel="next"',
  ),
  Location: text('Where the resource is.', '/v1/jobs/job_4f1c0a9be2d37586'),
  RateLimit: text('What is left of the tenant’s requests, where they are limited.', '"requests";r=9;t=1'),
  'RateLimit-Policy': text('How many requests a window has, where they are limited.', '"requests";q=10;w=1'),
  'Retry-After': {
    description: 'After how many seconds to ask again.',
    schema: { type: 'integer' },
    example: 2,
  },
  Sunset: text('From when the address answers 410 (RFC 8594).', 'Wed, 30 Jun 2027 00:00:00 GMT'),
  'Tus-Resumable': text('The version of the protocol (tus 1.0).', '1.0.0'),
  'Tus-Version': text('The versions of the protocol that are spoken (tus 1.0).', '1.0.0'),
  'Upload-Expires': text('Until then the upload has to be complete.', 'Wed, 25 Nov 2026 12:00:00 GMT'),
  'Upload-Length': {
    description: 'How many bytes the file has.',
    schema: { type: 'integer' },
    example: 13_478,
  },
  'Upload-Offset': {
    description: 'How many of them have come.',
    schema: { type: 'integer' },
    example: 4_096,
  },
  'WWW-Authenticate': text('How to say who asks.', 'Bearer'),
  'X-SS-Request-Id': text('The id of the request: the client’s own, or a new one.', '4bf92f3577b34da6'),
  traceparent: text(
    'The trace that the request is part of (W3C).',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ),
} as const satisfies Readonly<Record<string, Header>>;

type HeaderName = keyof typeof HEADERS;

const TUS: readonly HeaderName[] = ['Tus-Resumable', 'Upload-Expires', 'Upload-Length', 'Upload-Offset'];

/** What only answers of this operation with this status carry. */
const OWN: Readonly<Record<string, Readonly<Record<string, readonly HeaderName[]>>>> = {
  artifacts_download: {
    200: ['Accept-Ranges', 'Content-Disposition', 'ETag'],
    206: ['Accept-Ranges', 'Content-Disposition', 'Content-Range', 'ETag'],
    304: ['Accept-Ranges'],
    416: ['Content-Range'],
  },
  artifactszip_download: { 200: ['Content-Disposition'] },
  begintask_cancel: { 202: ['Location'] },
  begintask_retry: { 202: ['Location'] },
  draft_request: { 202: ['Location', 'Retry-After'] },
  jobs_create: { 201: ['Location'], 409: ['Location'] },
  legacyartifacts_download: { 200: ['Content-Disposition'] },
  uploads_abandon: { 204: ['Tus-Resumable'] },
  uploads_append: { 204: TUS, 412: ['Tus-Version'] },
  uploads_begin: { 201: [...TUS, 'Location'], 412: ['Tus-Version'] },
  uploads_look: { 200: TUS },
};

/** Adds to an answer the headers that it carries. */
export function tellHeaders(
  operation: Operation,
  status: string,
  response: Response,
  { showsVersion, showsPage, isEnding }: { showsVersion: boolean; showsPage: boolean; isEnding: boolean },
): void {
  const isKeyed = (operation.security ?? []).length > 0;
  const isProper = status.startsWith('2');
  const takes = (header: string): boolean =>
    operation.parameters?.some(({ name }) => name === header) === true;
  const isRead = isProper && takes('If-None-Match');
  const names: readonly HeaderName[] = [
    'X-SS-Request-Id',
    ...one('traceparent', isKeyed),
    ...one('RateLimit', isKeyed),
    ...one('RateLimit-Policy', isKeyed),
    ...one('ETag', (isProper && showsVersion) || isRead || status === '304'),
    ...one('ETag', status === '412' && takes('If-Match')),
    ...one('Idempotent-Replayed', isProper && takes('Idempotency-Key')),
    ...one('Link', isProper && showsPage),
    ...one('WWW-Authenticate', status === '401'),
    ...one('Retry-After', status === '429' || status === '503'),
    ...(isEnding ? (['Deprecation', 'Link', 'Sunset'] as const) : []),
    ...(OWN[operation.operationId]?.[status] ?? []),
  ];
  response.headers = Object.fromEntries(
    [...new Set(names)].sort().map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}

/** The headers that are pointed to. */
export function headersOf(paths: Paths): Record<string, object> {
  const told = new Set(
    [...operationsOf(paths)].flatMap(([, , { responses }]) =>
      Object.values(responses).flatMap(({ headers = {} }) => Object.keys(headers)),
    ),
  );
  return Object.fromEntries(Object.entries(HEADERS).filter(([name]) => told.has(name)));
}

function one(name: HeaderName, isThere: boolean): HeaderName[] {
  return isThere ? [name] : [];
}
