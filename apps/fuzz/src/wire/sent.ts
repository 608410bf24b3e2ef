import type { FuzzRequest } from '../requests/request.js';

/** A request as it goes out, with the ids of the deployment in it; one character a byte. */
export interface Sent {
  method: string;
  address: string;
  headers: readonly (readonly [name: string, value: string])[];
  body: string | null;
}

/** The bytes of it. A mangled request is broken where HTTP itself would notice. */
export function bytesOf(sent: Sent, { manner, pick }: FuzzRequest): string {
  const head = (headers: Sent['headers']): string =>
    `${sent.method} ${sent.address} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const body = sent.body ?? '';
  const length: Sent['headers'] = sent.body === null ? [] : [['Content-Length', String(body.length)]];
  const close = ['Connection', 'close'] as const;
  switch (manner) {
    case 'plain':
      return head([...sent.headers, ...length, close]) + body;
    case 'pipelined':
      return head([...sent.headers, ...length]) + body + head([...sent.headers, ...length, close]) + body;
    case 'cut': {
      const whole = head([...sent.headers, ...length, close]) + body;
      return whole.slice(0, Math.max(1, whole.length - 1 - (pick % Math.max(1, whole.length - 1))));
    }
    case 'mangled':
      return MANGLED[pick % MANGLED.length]?.(sent, head, body) ?? '';
    default:
      return manner satisfies never;
  }
}

type Mangle = (sent: Sent, head: (headers: Sent['headers']) => string, body: string) => string;

const MANGLED: readonly Mangle[] = [
  (sent, head, body) => head([...sent.headers, ['Content-Length', '-1']]) + body,
  (sent, head, body) => head([...sent.headers, ['Content-Length', '3'], ['Content-Length', '4']]) + body,
  (sent, head, body) =>
    head([...sent.headers, ['Transfer-Encoding', 'chunked'], ['Content-Length', '4']]) + body,
  (sent, head) =>
    `${head([...sent.headers, ['Transfer-Encoding', 'chunked'], ['Connection', 'close']])}zz\r\nx\r\n0\r\n\r\n`,
  (sent, head) =>
    `${head([...sent.headers, ['Transfer-Encoding', 'chunked'], ['Connection', 'close']])}2\r\n{}\r\n0\r\n\r\n`,
  (sent, head) => head([...sent.headers, ['Bad Name', 'x']]),
  (sent, head) => head([...sent.headers, ['X', 'a\x00b']]),
  (sent, head) => head([...sent.headers, ['X-Long', 'x'.repeat(40_000)]]),
  (sent, head) =>
    head([
      ...sent.headers,
      ...Array.from({ length: 3_000 }, (_, index) => [`X-${String(index)}`, 'x'] as const),
    ]),
  ({ method, address }) => `${method} ${address}\r\n\r\n`,
  ({ method, address }) => `${method} ${address} HTTP/1.1\r\n\r\n`,
  ({ method, address }) => `${method} ${address} HTTP/9.9\r\nHost: x\r\n\r\n`,
  ({ method }) => `${method} /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  ({ method }) =>
    `${method} http://elsewhere.invalid/v1/jobs HTTP/1.1\r\nHost: elsewhere.invalid\r\nConnection: close\r\n\r\n`,
  () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  () => 'GET\r\n\r\n',
];

/** The same as a line for a shell. What curl would mend is not said by it; then the bytes are. */
export function curlLine(url: string, sent: Sent, { manner, pick, ...rest }: FuzzRequest): string {
  if (manner !== 'plain') {
    const { hostname, port } = new URL(url);
    return `printf ${quoted(printfText(bytesOf(sent, { ...rest, manner, pick })))} | nc ${hostname} ${port}`;
  }
  const words = ['curl', '-i', '--path-as-is', '-X', sent.method];
  for (const [name, value] of sent.headers)
    if (name === 'Authorization') words.push('-H', '"Authorization: Bearer $KEY"');
    else words.push('-H', quoted(value === '' ? `${name};` : `${name}: ${value}`));
  if (sent.body !== null) words.push('--data-binary', `$${ansi(sent.body)}`);
  return [...words, quoted(url + sent.address)].join(' ');
}

const LONGEST = 4_000;

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function ansi(bytes: string): string {
  const cut = bytes.length > LONGEST ? `${bytes.slice(0, LONGEST)}…${String(bytes.length)} bytes` : bytes;
  return `'${[...cut].map((char) => (/[\x20-\x7e]/.test(char) && !/['\\]/.test(char) ? char : `\\x${hex(char)}`)).join('')}'`;
}

function printfText(bytes: string): string {
  return [...bytes.slice(0, LONGEST)]
    .map((char) => (/[\x20-\x7e]/.test(char) && !/[%\\]/.test(char) ? char : `\\x${hex(char)}`))
    .join('');
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).padStart(2, '0');
}
