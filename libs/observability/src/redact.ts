const REDACTED = '[redacted]';

/** What looks like a secret wherever it stands, and what replaces it. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/-]{6,}=*/gi, `$1 ${REDACTED}`],
  // Keys of ours, of OpenAI, GitHub, Slack, AWS; and JSON web tokens.
  [/\bssk\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/g, REDACTED],
  [/\bsk-[A-Za-z0-9_-]{12,}/g, REDACTED],
  [/\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16})\b/g, REDACTED],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, REDACTED],
  // postgres://user:password@host
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]+):[^\s@/]+@/gi, `$1:${REDACTED}@`],
  [
    /\b((?:api[_-]?key|access[_-]?key|secret|client[_-]?secret|password|passwd|passwort|pwd|token)["']?\s*(?:[:=]|\bis\b)\s*)(?:"[^"]*"|'[^']*'|[^\s"',;)}\]]+)/gi,
    `$1${REDACTED}`,
  ],
];

/** The text without keys, bearer tokens and passwords, as far as they can be told by their looks. */
export function redact(text: string): string {
  return PATTERNS.reduce((left, [pattern, by]) => left.replace(pattern, by), text);
}

/** A copy of a JSON value in which every text is redacted; the names of members stay. */
export function redactJson<T>(value: T): T {
  // Strings become strings and everything else keeps its shape.
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member)]));
}
