import { DomainError } from '#observability';

export class CursorInvalid extends DomainError {
  constructor() {
    super('CURSOR_INVALID', 'Use next_cursor of the page before, unchanged, with the same filters.');
  }
}

/** A place in a list, opaque to clients. */
export function encodeCursor(place: readonly string[]): string {
  return Buffer.from(JSON.stringify(place), 'utf8').toString('base64url');
}

/** Reads a cursor that must hold so many texts. */
export function decodeCursor(cursor: string, parts: number): string[] {
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new CursorInvalid();
  }
  const texts: unknown[] = Array.isArray(place) ? place : [];
  if (
    texts.length !== parts ||
    !texts.every((text) => typeof text === 'string' && text.isWellFormed() && !text.includes('\0'))
  ) {
    throw new CursorInvalid();
  }
  return texts as string[];
}
