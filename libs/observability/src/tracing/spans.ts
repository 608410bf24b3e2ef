import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import { isDomainError } from '../domain-error.js';
import { toTraceparent, type TraceContext } from '../trace-context.js';
import { CarriedState } from './carried-state.js';
import { startInTrace } from './trace-ids.js';

/** Names, numbers and sizes. Never bodies, prompts, SQL or rows of data: whoever adds one, look at the redaction test. */
export type SpanAttributes = Attributes;

/** Below a span of another process; in a trace of which only the id is known; in a new trace. */
export type SpanPlace = TraceContext | { traceId: string } | 'new';

export interface SpanOptions {
  kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  attributes?: SpanAttributes;
  /** Spans of other traces, or of long ago, that this one has to do with. */
  links?: readonly TraceContext[];
  /** Absent: below the span that is open here. Where none is open there is no span at all, so that what programs do unasked makes no traces. */
  place?: SpanPlace;
  /** When it began, if that was before now. */
  startedAt?: Date;
}

/** A span that is open. Without tracing it takes everything and does nothing. */
export interface OpenSpan {
  /** Null when there is no tracing. */
  readonly context: TraceContext | null;
  set(attributes: SpanAttributes): void;
  rename(name: string): void;
  /** The span stands for something that failed; `errorType` is a code or the name of a class, never a message. */
  fail(errorType: string): void;
  /** What was asked was refused: nothing failed, and a code says why not. */
  refuse(code: string): void;
  /** Runs `work` with this span as the one that is open. */
  run<T>(work: () => T): T;
  end(): void;
}

/** What stands in for a span where there is none. */
export const NO_SPAN: OpenSpan = {
  context: null,
  set: () => undefined,
  rename: () => undefined,
  fail: () => undefined,
  refuse: () => undefined,
  run: (work) => work(),
  end: () => undefined,
};

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Null while tracing is off: then a span costs a comparison and a call. */
let tracer: Tracer | null = null;

/** For `startTracing` alone. */
export function useTracer(given: Tracer | null): void {
  tracer = given;
}

/** Does `work` within a span that ends with it. A refusal is told by its code; a fault marks the span as failed. */
export async function span<T>(
  name: string,
  options: SpanOptions,
  work: (span: OpenSpan) => Promise<T>,
): Promise<T> {
  if (!tracer) return work(NO_SPAN);
  const opened = openSpan(name, options);
  try {
    return await opened.run(() => work(opened));
  } catch (error) {
    const errorType = errorTypeOf(error);
    if (isDomainError(error)) opened.refuse(errorType);
    else opened.fail(errorType);
    throw error;
  } finally {
    opened.end();
  }
}

/** A span that the caller ends: for what does not begin and end in one function. */
export function openSpan(name: string, options: SpanOptions): OpenSpan {
  if (!tracer || (options.place === undefined && !trace.getActiveSpan())) return NO_SPAN;
  const { kind = 'internal', attributes = {}, links = [], place, startedAt } = options;
  const given = {
    kind: KINDS[kind],
    attributes,
    links: links.map((link) => ({ context: toSpanContext(link) })),
    ...(startedAt === undefined ? {} : { startTime: startedAt }),
  };
  const traceId = typeof place === 'object' && !('spanId' in place) ? place.traceId : null;
  const around = contextOf(place);
  const using = tracer;
  return new RecordedSpan(
    startInTrace(traceId, () => using.startSpan(name, given, around)),
    around,
  );
}

/** The span that is open here, as others may name it. Null when none is, or tracing is off. */
export function openTrace(): TraceContext | null {
  const active = tracer ? trace.getActiveSpan() : undefined;
  return active ? toTraceContext(active) : null;
}

/** Whether what is done here is being recorded: for attributes that cost something to find out. */
export function isRecording(): boolean {
  return tracer !== null && trace.getActiveSpan()?.isRecording() === true;
}

/** Adds to the span that is open here, if one is. */
export function annotate(attributes: SpanAttributes): void {
  if (tracer) trace.getActiveSpan()?.setAttributes(attributes);
}

/** Marks the span that is open here as failed, for who ends its work without throwing. */
export function markFailed(errorType: string): void {
  if (tracer) fail(trace.getActiveSpan(), errorType);
}

/** What a program that is started here is told of the trace, by the names that OpenTelemetry reads; empty without one. */
export function traceVariables(context: TraceContext | null = openTrace()): Record<string, string> {
  if (!context) return {};
  return {
    TRACEPARENT: toTraceparent(context),
    ...(context.state === null ? {} : { TRACESTATE: context.state }),
  };
}

class RecordedSpan implements OpenSpan {
  constructor(
    private readonly span: Span,
    private readonly around: Context,
  ) {}

  get context(): TraceContext {
    return toTraceContext(this.span);
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes(attributes);
  }

  rename(name: string): void {
    this.span.updateName(name);
  }

  fail(errorType: string): void {
    // The first to tell knows best; what it throws afterwards passes by here as well.
    if (!failures.has(this.span)) fail(this.span, errorType);
  }

  refuse(code: string): void {
    if (!failures.has(this.span)) this.span.setAttribute(ATTR_ERROR_TYPE, code);
  }

  run<T>(work: () => T): T {
    return context.with(trace.setSpan(this.around, this.span), work);
  }

  end(): void {
    this.span.end();
  }
}

/** Spans that were marked as failed from within. */
const failures = new WeakSet<Span>();

function fail(failed: Span | undefined, errorType: string): void {
  if (!failed) return;
  failures.add(failed);
  failed.setAttributes({ [ATTR_ERROR_TYPE]: errorType });
  failed.setStatus({ code: SpanStatusCode.ERROR });
}

function contextOf(place: SpanPlace | undefined): Context {
  if (place === undefined) return context.active();
  if (place === 'new' || !('spanId' in place)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, toSpanContext(place));
}

function toSpanContext({ traceId, spanId, flags, state }: TraceContext): ReturnType<Span['spanContext']> {
  return {
    ...{ traceId, spanId, traceFlags: flags, isRemote: true },
    ...(state === null ? {} : { traceState: new CarriedState(state) }),
  };
}

function toTraceContext(from: Span): TraceContext {
  const { traceId, spanId, traceFlags: flags, traceState } = from.spanContext();
  const state = traceState?.serialize() ?? '';
  return { traceId, spanId, flags, state: state === '' ? null : state };
}

/** A code, or the name of the class. Messages quote what they are about. */
function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : error.constructor.name;
}
