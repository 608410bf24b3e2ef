import { OtlpReceiver, type ReceivedSpan } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DomainError } from '../domain-error.js';
import { createLogger } from '../logger.js';
import { continuing, continuingHere } from './carried-trace.js';
import { annotate, markFailed, openSpan, openTrace, span, traceVariables } from './spans.js';
import { startTracing } from './start-tracing.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const OTHER = 'ffffffffffffffffffffffffffffffff';
const PLANTED = 'planted-secret-7f3a';
const carried = { trace_id: TRACE, traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1' };
const nothing = (): Promise<void> => Promise.resolve();

let receiver: OtlpReceiver;
const environment: Record<string, string | undefined> = process.env;

/** Everything happens while tracing is on; what came of it is looked at when all has been sent. */
beforeAll(async () => {
  receiver = await OtlpReceiver.http();
  const logger = createLogger({ program: 'test', level: 'silent' });
  const file = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
  const tracing = await startTracing({ service: 'ss-test', environment, file, logger });
  await span('nobody asked for it', {}, nothing);
  await span('begins', { place: 'new' }, async () => {
    await Promise.resolve();
    await span('is below', { attributes: { 'ss.n': 1 } }, () => {
      annotate({ 'ss.m': 2 });
      return nothing();
    });
  });
  await span('continues', continuing({ ...carried, at: Date.now() }), () => {
    expect(traceVariables()).toEqual({ TRACEPARENT: expect.stringContaining(TRACE), TRACESTATE: 'vendor=1' });
    return nothing();
  });
  await span('comes late', continuing({ ...carried, at: 0 }), nothing);
  await span('begins a known trace', continuing({ trace_id: OTHER }), () =>
    span('goes back', continuingHere(carried), () => span('stays', continuingHere(carried), nothing)),
  );
  await span('is not recorded', continuing({ ...carried, traceparent: `00-${TRACE}-${PARENT}-00` }), nothing);
  await span('fails', { place: 'new' }, () =>
    Promise.reject(Object.assign(new Error(PLANTED), { code: 'ECONNRESET' })),
  ).catch(nothing);
  await span('is refused', { place: 'new' }, () =>
    Promise.reject(new DomainError('JOB_NOT_FOUND', PLANTED, { planted: PLANTED })),
  ).catch(nothing);
  await span('says why', { place: 'new' }, () => {
    markFailed('STEP_FAILED');
    return Promise.reject(new TypeError(PLANTED));
  }).catch(nothing);
  openSpan('began before', { place: 'new', startedAt: new Date(0) }).end();
  await tracing.stop();
  await span('comes when it is over', { place: 'new' }, nothing);
});
afterAll(async () => {
  await receiver.stop();
});

const named = (name: string): ReceivedSpan => {
  const found = receiver.spans.find((one) => one.name === name);
  if (!found) throw new Error(`no span ${name}`);
  return found;
};

describe('a span', () => {
  it('is below the one that is open, and has what was told of it', () => {
    expect(named('begins').parentSpanId).toBeNull();
    expect(named('is below')).toMatchObject({
      traceId: named('begins').traceId,
      parentSpanId: named('begins').spanId,
      attributes: { 'ss.n': 1, 'ss.m': 2 },
      service: 'ss-test',
    });
  });

  it('is not made where nobody asked for it, was not to be recorded, or tracing is over', () => {
    const names = receiver.spans.map(({ name }) => name);
    expect(names).not.toContain('nobody asked for it');
    expect(names).not.toContain('is not recorded');
    expect(names).not.toContain('comes when it is over');
    expect(openTrace()).toBeNull();
  });

  it('continues a span of another process', () => {
    expect(named('continues')).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, links: [] });
  });

  it('that comes hours later begins anew in the same trace, and links back', () => {
    expect(named('comes late')).toMatchObject({
      traceId: TRACE,
      parentSpanId: null,
      links: [{ traceId: TRACE, spanId: PARENT }],
    });
  });

  it('of a job is in the job’s trace, whatever trace is open, and links to that', () => {
    const open = named('begins a known trace');
    expect(open).toMatchObject({ traceId: OTHER, parentSpanId: null });
    expect(named('goes back')).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      links: [{ traceId: OTHER, spanId: open.spanId }],
    });
    expect(named('stays')).toMatchObject({
      traceId: TRACE,
      parentSpanId: named('goes back').spanId,
      links: [],
    });
  });

  it('tells a failure by its code or kind, a refusal as none, and no message of either', () => {
    expect(named('fails')).toMatchObject({ isFailed: true, attributes: { 'error.type': 'ECONNRESET' } });
    expect(named('is refused')).toMatchObject({
      isFailed: false,
      attributes: { 'error.type': 'JOB_NOT_FOUND' },
    });
    expect(named('says why')).toMatchObject({ isFailed: true, attributes: { 'error.type': 'STEP_FAILED' } });
    expect(Buffer.concat(receiver.bodies).toString('utf8')).not.toContain(PLANTED);
  });

  it('leaves nothing of its settings in the environment, where children would find it', () => {
    expect(Object.keys(environment).filter((name) => name.startsWith('OTEL_'))).toEqual([]);
  });
});
