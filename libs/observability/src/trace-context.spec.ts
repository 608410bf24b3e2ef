import { describe, expect, it } from '@jest/globals';
import { newTraceId, traceIdOf } from './trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

describe('traceIdOf', () => {
  it.each([
    ['a header of version 00', `00-${TRACE}-${PARENT}-01`],
    ['one that is not sampled', `00-${TRACE}-${PARENT}-00`],
    ['a later version with more to it', `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`],
  ])('reads %s', (_what, header) => {
    expect(traceIdOf(header)).toBe(TRACE);
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
    ['something before it', ` 00-${TRACE}-${PARENT}-01`],
    ['something after it', `00-${TRACE}-${PARENT}-01x`],
    ['a part too many in version 00', `00-${TRACE}-${PARENT}-01-more`],
    ['a line after it', `00-${TRACE}-${PARENT}-01\n`],
  ])('ignores %s', (_what, header) => {
    expect(traceIdOf(header)).toBeNull();
  });
});

describe('newTraceId', () => {
  it('makes an id that a traceparent can carry, another each time', () => {
    const ids = Array.from({ length: 50 }, newTraceId);
    expect(ids.map((id) => traceIdOf(`00-${id}-${PARENT}-01`))).toEqual(ids);
    expect(new Set(ids).size).toBe(50);
  });
});
