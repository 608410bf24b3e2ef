/** One message of the client, whole, as PostgreSQL's protocol (version 3) cuts them. */
export interface ClientMessage {
  bytes: Buffer;
  /** The SQL that it carries, for a simple query or a statement to be prepared; else null. */
  statement: string | null;
}

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const LENGTH_BYTES = 4;

/** Cuts what a client sends into messages, across however it was cut into packets. Unencrypted connections only. */
export class ClientMessages {
  private rest: Buffer = Buffer.alloc(0);
  /** The first message has no type; it comes again after a request for encryption was refused. */
  private isStarting = true;

  *read(chunk: Buffer): Generator<ClientMessage> {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (let bytes = this.next(); bytes; bytes = this.next()) {
      if (!this.isStarting) {
        yield { bytes, statement: statementOf(bytes) };
        continue;
      }
      this.isStarting = [SSL_REQUEST, GSS_REQUEST].includes(bytes.readInt32BE(LENGTH_BYTES));
      yield { bytes, statement: null };
    }
  }

  private next(): Buffer | null {
    const head = this.isStarting ? 0 : 1;
    if (this.rest.length < head + LENGTH_BYTES) return null;
    const end = head + this.rest.readInt32BE(head);
    if (this.rest.length < end) return null;
    const bytes = this.rest.subarray(0, end);
    this.rest = this.rest.subarray(end);
    return bytes;
  }
}

function statementOf(message: Buffer): string | null {
  const body = message.subarray(1 + LENGTH_BYTES);
  switch (String.fromCharCode(message[0] ?? 0)) {
    case 'Q':
      return textAt(body, 0);
    case 'P':
      // The name of the prepared statement comes first, mostly empty.
      return textAt(body, body.indexOf(0) + 1);
    default:
      return null;
  }
}

function textAt(body: Buffer, start: number): string {
  return body.toString('utf8', start, body.indexOf(0, start));
}
