/** Signs that turn the direction of text: a name that holds them reads as another, with another ending. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const MAX_CHARS = 200;

/**
 * Lets a browser save the file and never show it (RFC 6266): a plain name for old clients, the true one beside it
 * (RFC 8187).
 */
export function attachment(fileName: string): string {
  const name = shortened(fileName.toWellFormed().replaceAll(DIRECTION, '_'));
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%;/]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** Keeps the end, with the ending. Proxies refuse headers of some thousand characters, and a sign may take twelve. */
function shortened(name: string): string {
  return Array.from(name).slice(-MAX_CHARS).join('');
}
