import fc from 'fast-check';

const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** What no schema asks for. */
export const HOSTILE_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 2 ** 31, 2 ** 53 + 2, 1e308, -1e308, Number.MIN_VALUE],
  ...['', ' ', '\t\n', 'x'.repeat(300), 'x'.repeat(70_000), '0', '1e999', 'NaN', '9'.repeat(30)],
  ...[
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\udfff\ud800',
    '\u202e\u200b',
    '😀'.repeat(100),
    'é',
    'e\u0301',
    '\ufeff',
    '\uffff',
  ],
  ...[
    "'; DROP TABLE job; --",
    '../../etc/passwd',
    '${jndi:ldap://x}',
    '<script>',
    '%00',
    '\\',
    '/',
    '.',
    '..',
  ],
  ...['2026-02-30T00:00:00Z', '2026-11-23', '+275760-09-13T00:00:00.000Z', '0000-00-00T00:00:00Z'],
  ...[[], {}, [[]], [null], { a: {} }, nested(30), nested(300), Array.from({ length: 2_000 }, () => 0)],
  JSON.parse('{"__proto__":{"polluted":true}}'),
  { constructor: { prototype: { polluted: true } } },
  Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`k${String(index)}`, index])),
];

export const HOSTILE_TEXTS = HOSTILE_VALUES.filter((value): value is string => typeof value === 'string');

/** Bodies that say they are JSON; one character a byte. */
export const HOSTILE_BODIES: readonly string[] = [
  ...[
    '',
    ' ',
    'null',
    'true',
    '42',
    '"text"',
    '[]',
    '{',
    '[1,',
    '{"a":',
    'nul',
    '{"a":1}{"b":2}',
    '{"a":1,"a":2}',
  ],
  ...[
    '1e400',
    'NaN',
    '{"a":1e400}',
    '\xff\xfe',
    '{"a":"\xff"}',
    '\xef\xbb\xbf{}',
    '{"__proto__":{"x":1}}',
    "{'a':1}",
  ],
  ...['{"reason":"\\ud800"}', '{"reason":"\\u0000"}', '['.repeat(10_000), '{"a":'.repeat(5_000)],
  `{"requirement":"${'x'.repeat(1_500_000)}"}`,
  `[${'0,'.repeat(100_000)}0]`,
];

export const CONTENT_TYPES: readonly (string | null)[] = [
  ...[
    null,
    '',
    'text/plain',
    'application/xml',
    'application/json; charset=utf-16',
    'application/jsonx',
    '*/*',
  ],
  ...[
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'application/x-www-form-urlencoded',
    'APPLICATION/JSON',
  ],
  ...[
    'application/json;',
    'application/json, text/plain',
    'application/offset+octet-stream',
    'x'.repeat(2_000),
    '/',
  ],
];

/** Headers that mean something to the API or to what it stands on. */
export const HOSTILE_HEADERS: readonly (readonly [string, string])[] = [
  ...['', '"', '"abc"', 'W/"1"', '*', '"1", "2"', '"99999999999999999999"', '"-1"', '1'].map(
    (value) => ['If-Match', value] as const,
  ),
  ...['"1"', '*', 'W/"1"', 'junk'].map((value) => ['If-None-Match', value] as const),
  ...['', 'k'.repeat(256), '\xe9\xff', 'a b', '"quoted"'].map((value) => ['Idempotency-Key', value] as const),
  ...['', '~~their:tenant_id~~', 'nobody', '../..', '\xff', 'x'.repeat(5_000)].map(
    (value) => ['X-SS-Tenant-ID', value] as const,
  ),
  ...['', '\xe9', 'x'.repeat(3_000), '%00', '{"a":1}'].map((value) => ['X-SS-Reason', value] as const),
  ...['', ' ', 'a\tb', 'x'.repeat(500), '\xff'].map((value) => ['X-SS-Request-Id', value] as const),
  ...['text/html', 'application/json;q=0', '*/*;q=0', 'junk', 'image/*', ''].map(
    (value) => ['Accept', value] as const,
  ),
  ...['identity;q=0', '*;q=0', 'br', 'gzip', 'gzip;q=abc', ''].map(
    (value) => ['Accept-Encoding', value] as const,
  ),
  ...['bytes=0-', 'bytes=-1', 'bytes=9-1', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=99999999999999999999-'].map(
    (value) => ['Range', value] as const,
  ),
  ...['wait=0', 'wait=-1', 'wait=x', 'respond-async', 'wait=1, wait=0'].map(
    (value) => ['Prefer', value] as const,
  ),
  ...['x', '-1', '1', '999999999999999', '9999999999999999'].map(
    (value) => ['Last-Event-ID', value] as const,
  ),
  ...['00-0-0-0', 'ff-' + '0'.repeat(32), '\xff'].map((value) => ['traceparent', value] as const),
  ...['gzip', 'br', 'identity', 'x'].map((value) => ['Content-Encoding', value] as const),
  ...['', 'null', 'https://elsewhere.invalid'].map((value) => ['Origin', value] as const),
  ...['0', '-1', '1e3', '99999999999999', 'x'].map((value) => ['Upload-Length', value] as const),
  ...['0', '-1', '5', '99999999999999'].map((value) => ['Upload-Offset', value] as const),
  ...['', 'filename', 'filename !!!', 'filename Li4vLi4vZXRj,role cHJpbWFyeV9kYXRhc2V0'].map(
    (value) => ['Upload-Metadata', value] as const,
  ),
  ['Tus-Resumable', '0.2.2'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['Expect', '100-continue'],
  ['Expect', 'the-impossible'],
  ['Upgrade', 'websocket'],
  ['If-Modified-Since', 'yesterday'],
  ['X-Forwarded-For', '127.0.0.1, '.repeat(50)],
  ['Cookie', 'a=b; '.repeat(100)],
];

/** Changes one place of the value into something that its schema does not ask for. */
export function spoiled(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const how = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(...HOSTILE_VALUES).map((value) => ({ how: 'put' as const, value })),
    },
    { weight: 1, arbitrary: fc.constant({ how: 'drop' as const, value: null }) },
    { weight: 1, arbitrary: fc.constant({ how: 'add' as const, value: 'unasked' }) },
    { weight: 1, arbitrary: fc.constant({ how: 'wrap' as const, value: null }) },
  );
  return fc
    .tuple(valid, fc.nat(1_000), how)
    .map(([value, at, change]) => changed(structuredClone(value), at, change));
}

interface Change {
  how: 'put' | 'drop' | 'add' | 'wrap';
  value: unknown;
}

/** The value with one of its places changed: which one is `at`, counted round and round. */
export function changed(value: unknown, at: number, { how, value: put }: Change): unknown {
  const places: [holder: Record<string, unknown>, key: string][] = [];
  const visit = (part: unknown): void => {
    if (part === null || typeof part !== 'object') return;
    for (const [key, inner] of Object.entries(part)) {
      places.push([part as Record<string, unknown>, key]);
      visit(inner);
    }
  };
  const root: Record<string, unknown> = { value };
  visit(root);
  // Never empty: the root has a place.
  const [holder, key] = places[at % places.length] ?? [root, 'value'];
  switch (how) {
    case 'put':
      holder[key] = put;
      break;
    case 'drop':
      if (holder === root) root['value'] = {};
      else Reflect.deleteProperty(holder, key);
      break;
    case 'add':
      if (holder !== root) holder[`${key}_more`] = put;
      else if (value !== null && typeof value === 'object') Object.assign(value, { unasked: put });
      break;
    case 'wrap':
      holder[key] = [holder[key]];
      break;
    default:
      return how satisfies never;
  }
  return root['value'];
}
