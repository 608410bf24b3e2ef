import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** A span as OTLP tells it in JSON, with its service. */
export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: number;
  attributes: Readonly<Record<string, unknown>>;
  links: { traceId: string; spanId: string }[];
  isFailed: boolean;
}

export type ReceiverMood = 'takes' | 'hangs' | 'refuses';

interface OtlpAttribute {
  key: string;
  value: Readonly<Record<string, unknown>>;
}
interface OtlpSpan extends Pick<ReceivedSpan, 'traceId' | 'spanId' | 'name' | 'kind'> {
  parentSpanId?: string;
  attributes?: OtlpAttribute[];
  links?: ReceivedSpan['links'];
  status?: { code?: number };
}
interface OtlpBody {
  resourceSpans: {
    resource: { attributes: OtlpAttribute[] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

const STATUS_ERROR = 2;

/** A collector that keeps what it gets: OTLP over HTTP, or over gRPC, on this machine. */
export class OtlpReceiver {
  /** Every body, byte by byte. */
  readonly bodies: Buffer[] = [];
  /** Bodies that came as JSON. */
  private readonly documents: OtlpBody[] = [];
  requests = 0;

  private constructor(
    private readonly server: Server | Http2Server,
    private readonly ended: () => void,
  ) {}

  static async http(mood: ReceiverMood = 'takes'): Promise<OtlpReceiver> {
    const server = createServer((request, response) => {
      receiver.requests += 1;
      void receiver.keep(request, request.headers['content-type'] ?? '').then(() => {
        if (mood === 'hangs') return;
        // A client may be told to come back; this one is told that it never need to.
        response.writeHead(mood === 'takes' ? 200 : 400, { 'Content-Type': 'application/json' }).end('{}');
      });
    });
    const receiver = new OtlpReceiver(server, () => {
      server.closeAllConnections();
    });
    return receiver.listen();
  }

  static async grpc(): Promise<OtlpReceiver> {
    const streams = new Set<ServerHttp2Stream>();
    const server = createHttp2Server();
    const receiver = new OtlpReceiver(server, () => {
      for (const stream of streams) stream.session?.destroy();
    });
    server.on('stream', (stream: ServerHttp2Stream) => {
      receiver.requests += 1;
      streams.add(stream);
      stream.on('error', () => undefined);
      stream.once('close', () => streams.delete(stream));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      // A message of no bytes: all was taken.
      void receiver.keep(stream, 'application/grpc').then(() => stream.end(Buffer.alloc(5)));
    });
    return receiver.listen();
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  /** All that came as JSON. */
  get spans(): ReceivedSpan[] {
    return this.documents.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map((span) => toReceived(span, String(valuesOf(resource.attributes)['service.name']))),
        ),
      ),
    );
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.ended();
    await closed;
  }

  private async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  private async keep(stream: IncomingMessage | ServerHttp2Stream, contentType: string): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    this.bodies.push(body);
    if (contentType.includes('json')) this.documents.push(JSON.parse(body.toString('utf8')) as OtlpBody);
  }
}

function toReceived(span: OtlpSpan, service: string): ReceivedSpan {
  const { traceId, spanId, name, kind } = span;
  return {
    ...{ service, traceId, spanId, name, kind },
    parentSpanId: span.parentSpanId === undefined || span.parentSpanId === '' ? null : span.parentSpanId,
    attributes: valuesOf(span.attributes ?? []),
    links: span.links ?? [],
    isFailed: span.status?.code === STATUS_ERROR,
  };
}

function valuesOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
