import { describe, expect, it } from '@jest/globals';
import { findRemoteData } from './remote-data.js';

describe('findRemoteData', () => {
  it.each([
    ['data of a URL', { data: { url: 'https://x/y.csv' } }, '/data/url'],
    ['data of a layer', { layer: [{}, { data: { url: 'x' } }] }, '/layer/1/data/url'],
    [
      'a lookup',
      { transform: [{ lookup: 'a', from: { data: { url: 'x' } } }] },
      '/transform/0/from/data/url',
    ],
    ['an image', { mark: { type: 'image', url: 'x' } }, '/mark/url'],
    ['an image channel', { encoding: { url: { field: 'a' } } }, '/encoding/url'],
    ['a link', { mark: 'bar', encoding: { href: { value: 'x' } } }, '/encoding/href'],
    ['another writing', { data: { URL: 'x' } }, '/data/URL'],
    ['a colour that loads', { mark: { type: 'bar', fill: 'URL (http://x)' } }, '/mark/fill'],
    ['a key with a slash', { 'a/b': { '~': { href: 1 } } }, '/a~1b/~0/href'],
  ])('finds %s', (_what, spec, pointer) => {
    expect(findRemoteData(spec)).toBe(pointer);
  });

  it('lets a chart of its own table pass, with the address of its schema', () => {
    const spec = {
      $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
      mark: 'bar',
      encoding: { x: { field: 'url' }, y: { aggregate: 'count' } },
    };
    expect(findRemoteData(spec)).toBeNull();
  });
});
