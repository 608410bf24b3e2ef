import type { Instant } from '#database';
import { readInstant } from '../format/instant-text.js';
import type { Detail } from '../reasons.js';

/** Turns the free texts of legacy timestamps into instants for columns, and notes what had to be assumed. */
export class TypedInstants {
  readonly repairs: Detail[] = [];

  /** `fileTime`: what a text that is no instant is taken for. */
  constructor(private readonly fileTime: Instant) {}

  read(text: string, pointer: string): Instant {
    const read = readInstant(text);
    if (read?.naive) this.repairs.push({ reason: 'TIMESTAMP_NAIVE_UTC', pointer });
    if (!read) this.repairs.push({ reason: 'TIMESTAMP_UNPARSEABLE', pointer });
    return read?.instant ?? this.fileTime;
  }

  readNullable(text: string | null, pointer: string): Instant | null {
    return text === null ? null : this.read(text, pointer);
  }
}
