import fc from 'fast-check';
import type { Parameter } from '../../../api/src/openapi/document.js';
import { token } from '../world/token.js';
import { CONTENT_TYPES, HOSTILE_BODIES, HOSTILE_HEADERS, HOSTILE_TEXTS, spoiled } from './hostile.js';
import type { Asker, Body, FuzzRequest, Manner } from './request.js';
import type { Route } from './routes.js';
import { valuesOf } from './values.js';

type Header = readonly [name: string, value: string];

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'BREW'];
const BOUNDARY = 'fuzz-3f6c9a';
/** What only the platform may. A queue that it pauses would hold every answer that waits for a worker. */
const PLATFORM = new Set(['quota_put', 'queues_list', 'queues_resume', 'status_read']);

const often = <T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
});

/** Requests of one route: proper ones, and ones that are wrong in some way. */
export function requestsOf(route: Route): fc.Arbitrary<FuzzRequest> {
  return fc
    .record({
      method: fc.oneof(often(40, fc.constant(route.method)), often(1, fc.constantFrom(...METHODS))),
      address: addresses(route),
      headers: headers(route),
      body: bodies(route),
      asker: askers(route),
      manner: fc.oneof(
        often(40, fc.constant<Manner>('plain')),
        often(1, fc.constantFrom<Manner>('pipelined', 'cut', 'mangled')),
      ),
      pick: fc.nat(10_000),
    })
    .map((drawn) => ({ route, ...drawn }));
}

function askers({ operation }: Route): fc.Arbitrary<Asker> {
  const proper: Asker = PLATFORM.has(operation.operationId) ? 'platform' : 'own';
  return fc.oneof(
    often(30, fc.constant(proper)),
    often(1, fc.constantFrom<Asker>('own', 'nobody', 'wrong', 'narrow')),
  );
}

function addresses({ document, path, operation }: Route): fc.Arbitrary<string> {
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name);
  const values = names.map((name) =>
    fc.oneof(
      often(12, fc.constant(name === 'tenant_id' ? 'spare' : token(name))),
      often(name === 'tenant_id' ? 0 : 1, fc.constant(token(`their:${name}`))),
      often(1, fc.constantFrom(...HOSTILE_TEXTS.filter((text) => text.length < 400)).map(escaped)),
      often(1, fc.string({ maxLength: 30, unit: 'binary' }).map(escaped)),
      often(
        1,
        fc.constantFrom(
          '%',
          '%zz',
          '%2e%2e%2f',
          '..',
          '%00',
          '%ff',
          '-1',
          '0',
          '99999999999',
          'x'.repeat(3_000),
        ),
      ),
    ),
  );
  const queries = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const pairs = queries.map((parameter) => pairsOf(document, parameter));
  const stray = fc.oneof(
    often(20, fc.constant('')),
    often(
      1,
      fc.constantFrom(
        'unasked=1',
        'limit=1&limit=2',
        '__proto__[x]=1',
        '%=%',
        '&&==',
        'a[b][c]=d',
        'q=%ff',
        'limit=1e3',
      ),
    ),
  );
  return fc.tuple(fc.tuple(...values), fc.tuple(...pairs), stray).map(([parts, given, more]) => {
    const address = names.reduce(
      (text, name, index) => text.replace(`{${name}}`, () => parts[index] ?? ''),
      path,
    );
    const query = [...given.filter((pair) => pair !== ''), ...(more === '' ? [] : [more])].join('&');
    return query === '' ? address : `${address}?${query}`;
  });
}

function pairsOf(
  document: Route['document'],
  { name, schema = {}, required }: Parameter,
): fc.Arbitrary<string> {
  const proper = valuesOf(document, schema, name).map((value) => pairText(name, value));
  return fc.oneof(
    often(required ? 0 : 16, fc.constant('')),
    often(4, proper),
    often(
      1,
      fc
        .constantFrom(...HOSTILE_TEXTS.filter((text) => text.length < 400))
        .map((text) => pairText(name, text)),
    ),
    often(
      1,
      fc.tuple(proper, proper).map((both) => both.join('&')),
    ),
  );
}

function pairText(name: string, value: unknown): string {
  const items = Array.isArray(value) ? value : [value];
  return items
    .map(
      (item) => `${escaped(name)}=${escaped(typeof item === 'string' ? item : JSON.stringify(item ?? ''))}`,
    )
    .join('&');
}

/** Percent escapes; a lone surrogate, which has none, becomes a byte that is no UTF-8. Tokens stay. */
function escaped(text: string): string {
  if (/^~~[a-z:_]+~~$/.test(text)) return text;
  return text.isWellFormed() ? encodeURIComponent(text) : '%ff%fe';
}

const OWN_HEADERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'if-match': fc.constantFrom('"1"', '"2"', '"3"', '"4"', '"5"', '"6"', '*'),
  'if-none-match': fc.constantFrom('"1"', '*', '"x"'),
  'idempotency-key': fc.oneof(fc.uuid(), fc.constantFrom('same', 'again')),
  prefer: fc.constantFrom('wait=0', 'wait=1'),
  'x-ss-reason': fc.constantFrom('fuzzing', 'why not'),
  'x-ss-tenant-id': fc.constant(token('tenant_id')),
  range: fc.constantFrom('bytes=0-0', 'bytes=-5', 'bytes=3-'),
  'tus-resumable': fc.constant('1.0.0'),
  'upload-length': fc.constantFrom('8', '9', '100'),
  'upload-offset': fc.constantFrom('0', '4', '8'),
  'upload-metadata': fc.constantFrom(
    'filename YS5jc3Y=,role cHJpbWFyeV9kYXRhc2V0',
    'filename Yi5jc3Y=,role YXV4aWxpYXJ5X2RhdGFzZXQ=',
  ),
  'last-event-id': fc.constantFrom('0', '1', '5'),
};

function headers({ document, operation }: Route): fc.Arbitrary<Header[]> {
  const own = (operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'header')
    .map(({ name, schema, required }) => {
      const values =
        OWN_HEADERS[name.toLowerCase()] ??
        valuesOf(document, schema ?? { type: 'string' }).map((value) => printable(String(value)));
      const given = values.map((value): Header[] => [[name, value]]);
      return fc.oneof(often(required ? 1 : 6, fc.constant<Header[]>([])), often(required ? 12 : 4, given));
    });
  const stray = fc.oneof(
    often(7, fc.constant<Header[]>([])),
    often(
      1,
      fc.constantFrom(...HOSTILE_HEADERS).map((header): Header[] => [header]),
    ),
  );
  return fc.tuple(stray, ...own).map((all) => all.flat());
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function bodies({ document, operation: { requestBody } }: Route): fc.Arbitrary<Body | null> {
  const unasked = fc.oneof(
    often(30, fc.constant(null)),
    often(
      1,
      fc.constantFrom('{}', 'x').map((bytes): Body => ({ contentType: 'application/json', bytes })),
    ),
  );
  const [[contentType, media] = []] = Object.entries(requestBody?.content ?? {});
  if (contentType === undefined) return unasked;
  if (contentType === 'multipart/form-data') return forms();
  if (!contentType.endsWith('json')) {
    return fc.oneof(
      often(
        8,
        fc
          .constantFrom('a,b\n1,2\n', 'a,b\n', '', 'x'.repeat(1_000))
          .map((bytes): Body => ({ contentType, bytes })),
      ),
      often(
        1,
        fc.constantFrom(...CONTENT_TYPES).map((type): Body => ({ contentType: type, bytes: 'a,b\n1,2\n' })),
      ),
    );
  }
  const proper = valuesOf(document, media?.schema ?? {});
  const json = (values: fc.Arbitrary<unknown>): fc.Arbitrary<Body> =>
    values.map((value) => ({ contentType, bytes: utf8(JSON.stringify(value)) }));
  return fc.oneof(
    often(12, json(proper)),
    often(7, json(spoiled(proper))),
    often(
      2,
      fc.constantFrom(...HOSTILE_BODIES).map((bytes): Body => ({ contentType, bytes })),
    ),
    often(
      1,
      fc
        .tuple(json(proper), fc.constantFrom(...CONTENT_TYPES))
        .map(([body, type]) => ({ ...body, contentType: type })),
    ),
    often(1, fc.constant(null)),
  );
}

interface Part {
  head: string;
  content: string;
}

function forms(): fc.Arbitrary<Body> {
  const role = fc
    .constantFrom(
      'primary_dataset',
      'auxiliary_dataset',
      'primary_dataset',
      'other',
      '',
      'x'.repeat(10_000),
      '\xff',
    )
    .map((content): Part => ({ head: 'Content-Disposition: form-data; name="role"', content }));
  const names = [
    'a.csv',
    'b.csv',
    'a.parquet',
    'a.xlsx',
    'a.exe',
    '',
    '../../a.csv',
    'é.csv',
    'a\\b.csv',
    '~x.csv',
    'CON.csv',
    `${'n'.repeat(400)}.csv`,
  ];
  const contents = [
    'a,b\n1,2\n3,4\n',
    'a,b\n1,2\n',
    '',
    '\x00\x01\x02',
    'a,a\n1,2\n',
    '"',
    'PAR1',
    'PK\x03\x04',
    '\xff\xfea',
    'a\n'.repeat(5_000),
  ];
  const file = fc
    .tuple(
      fc.oneof(often(3, fc.constant('a.csv')), often(2, fc.constantFrom(...names))),
      fc.oneof(often(3, fc.constant('a,b\n1,2\n')), often(2, fc.constantFrom(...contents))),
    )
    .map(([name, content]): Part => ({
      head: `Content-Disposition: form-data; name="file"; filename="${utf8(name)}"\r\nContent-Type: text/csv`,
      content,
    }));
  const odd = fc.constantFrom<Part>(
    { head: 'Content-Disposition: form-data', content: 'x' },
    { head: 'Content-Disposition: form-data; name="__proto__"', content: 'x' },
    { head: 'Content-Disposition: form-data; name="unasked"', content: 'x' },
    { head: 'X: y', content: '' },
  );
  const proper = fc.tuple(role, file).map((parts): Part[] => parts);
  const any = fc.array(fc.oneof(often(3, role), often(3, file), often(1, odd)), { maxLength: 5 });
  const endings = fc.oneof(
    often(12, fc.constant(`--${BOUNDARY}--\r\n`)),
    often(1, fc.constantFrom('', `--${BOUNDARY}\r\n`)),
  );
  return fc.tuple(fc.oneof(often(3, proper), often(2, any)), endings).map(([parts, ending]) => ({
    contentType: `multipart/form-data; boundary=${BOUNDARY}`,
    bytes:
      parts.map(({ head, content }) => `--${BOUNDARY}\r\n${head}\r\n\r\n${content}\r\n`).join('') + ending,
  }));
}

/** One character a byte. */
function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
