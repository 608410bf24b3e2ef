import { describe, expect, it } from '@jest/globals';
import { carryOn, continuing } from './carried-trace.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const NOW = 1_900_000_000_000;
const HOUR = 3_600_000;
const before = { traceId: TRACE, spanId: SPAN, flags: 1, state: null };
const carried = { trace_id: TRACE, traceparent: `00-${TRACE}-${SPAN}-01` };

describe('a span that continues what was carried', () => {
  it('is a child of a span of the same hour', () => {
    expect(continuing({ ...carried, at: NOW - HOUR }, NOW)).toEqual({ place: before, links: [] });
  });

  it('only links to one of longer ago, and stays in the trace of the job', () => {
    expect(continuing({ ...carried, at: NOW - HOUR - 1 }, NOW)).toEqual({
      place: { traceId: TRACE },
      links: [before],
    });
  });

  it('is not recorded where the one of long ago was not', () => {
    const unrecorded = { ...carried, traceparent: `00-${TRACE}-${SPAN}-00`, at: 0 };
    expect(continuing(unrecorded, NOW)).toEqual({ place: { ...before, flags: 0 }, links: [] });
  });

  it('begins the trace of the job where nobody recorded a span', () => {
    expect(continuing({ trace_id: TRACE }, NOW)).toEqual({ place: { traceId: TRACE }, links: [] });
  });

  it('begins a trace of its own for a legacy id that no trace can have, and for nothing at all', () => {
    expect(continuing({ trace_id: 'trace of 2019' }, NOW)).toEqual({ place: 'new', links: [] });
    expect(continuing(null, NOW)).toEqual({ place: 'new', links: [] });
  });

  it('keeps what tracing systems told each other', () => {
    const { place } = continuing({ ...carried, tracestate: 'a=1' }, NOW);
    expect(place).toEqual({ ...before, state: 'a=1' });
  });
});

describe('what is carried on', () => {
  it('is the span, or what was carried so far where there is none', () => {
    expect(carryOn(null, carried)).toBe(carried);
    expect(carryOn(null, undefined)).toBeNull();
    const next = { ...before, spanId: 'a'.repeat(16), state: 'a=1' };
    expect(carryOn(next, carried)).toEqual({
      trace_id: TRACE,
      traceparent: `00-${TRACE}-${'a'.repeat(16)}-01`,
      tracestate: 'a=1',
      at: expect.any(Number),
    });
  });
});
