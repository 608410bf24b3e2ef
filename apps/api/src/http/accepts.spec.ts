import { describe, expect, it } from '@jest/globals';
import { acceptsAny } from './accepts.js';

describe('acceptsAny()', () => {
  const json = ['application/json'];

  it.each([
    '*/*',
    '',
    'application/*',
    'application/json',
    'Application/JSON; charset=utf-8',
    'text/html, */*;q=0.1',
    'text/csv;q=1, application/json;q=0.001',
  ])('takes JSON by %p', (header) => {
    expect(acceptsAny(header, json)).toBe(true);
  });

  it.each([
    'text/html',
    'application/xml, text/*',
    'application/json;q=0',
    'application/json;q=0, */*',
    'application/*;q=0, */*;q=1',
    'application/jsonx',
    'application/problem+json',
    'application/json;q=often',
  ])('takes none by %p', (header) => {
    expect(acceptsAny(header, json)).toBe(false);
  });

  it('takes one of several, and any file', () => {
    expect(acceptsAny('application/x-ndjson', ['application/json', 'application/x-ndjson'])).toBe(true);
    expect(acceptsAny('image/png', ['application/octet-stream'])).toBe(true);
  });
});
