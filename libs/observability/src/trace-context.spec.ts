import { describe, expect, it } from '@jest/globals';
import { newSpanId, newTraceId, parseTraceContext, toTraceparent } from './trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

describe('parseTraceContext', () => {
  it.each([
    ['a header of version 00', `00-${TRACE}-${PARENT}-01`, 1],
    ['one that is not sampled', `00-${TRACE}-${PARENT}-00`, 0],
    ['a later version with more to it', `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, 1],
  ])('reads %s', (_what, header, flags) => {
    expect(parseTraceContext(header)).toEqual({ traceId: TRACE, spanId: PARENT, flags, state: null });
  });

  it.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['one that is a sentence', 'hello there'],
    ['the version ff', `ff-${TRACE}-${PARENT}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper-case digits', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['a sign that is no digit', `00-${TRACE.slice(1)}g-${PARENT}-01`],
    ['no flags', `00-${TRACE}-${PARENT}`],
    ['flags that are no number', `00-${TRACE}-${PARENT}-0x`],
    ['something before it', ` 00-${TRACE}-${PARENT}-01`],
    ['something after it', `00-${TRACE}-${PARENT}-01x`],
    ['a part too many in version 00', `00-${TRACE}-${PARENT}-01-more`],
    ['a line after it', `00-${TRACE}-${PARENT}-01\n`],
  ])('ignores %s', (_what, header) => {
    expect(parseTraceContext(header)).toBeNull();
  });

  it('keeps what tracing systems tell each other, and drops it whole when it is not what may be told', () => {
    const header = `00-${TRACE}-${PARENT}-01`;
    expect(parseTraceContext(header, 'vendor=a:b,other=1')?.state).toBe('vendor=a:b,other=1');
    for (const state of ['', ' ', `a=${'x'.repeat(511)}`, 'a=\u0007', 'a=ü']) {
      expect(parseTraceContext(header, state)?.state).toBeNull();
    }
  });
});

describe('toTraceparent', () => {
  it('writes what was read', () => {
    for (const flags of ['00', '01', '03', 'ff']) {
      const header = `00-${TRACE}-${PARENT}-${flags}`;
      const context = parseTraceContext(header);
      expect(context && toTraceparent(context)).toBe(header);
    }
  });
});

describe('newTraceId', () => {
  it('makes an id that a traceparent can carry, another each time', () => {
    const ids = Array.from({ length: 2_000 }, newTraceId);
    expect(ids.map((id) => parseTraceContext(`00-${id}-${PARENT}-01`)?.traceId)).toEqual(ids);
    expect(new Set(ids).size).toBe(2_000);
  });
});

describe('newSpanId', () => {
  it('makes an id that a traceparent can carry, another each time, also where trace ids are made', () => {
    const ids = Array.from({ length: 2_000 }, () => [newSpanId(), newTraceId()] as const);
    const read = ids.map(([span, trace]) => parseTraceContext(`00-${trace}-${span}-01`));
    expect(read.map((context) => [context?.spanId, context?.traceId])).toEqual(ids);
    expect(new Set(ids.flat()).size).toBe(4_000);
  });
});
