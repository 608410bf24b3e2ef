/** Whether a client has this very file already: `If-None-Match` (RFC 9110, 13.1.2), compared weakly. */
export function isKnown(header: string | undefined, etag: string | null): boolean {
  if (header === undefined || etag === null) return false;
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

/**
 * Whether a range may be sent: without `If-Range`, or with the tag of this very file (RFC 9110, 13.1.5). A date is none,
 * for no date of a file is told.
 */
export function isRangeWanted(ifRange: string | undefined, etag: string | null): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}
