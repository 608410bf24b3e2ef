import { describe, expect, it } from '@jest/globals';
import { metadataOf } from './upload-metadata.js';

const pair = (name: string, value: string): string => `${name} ${Buffer.from(value).toString('base64')}`;

describe('Upload-Metadata', () => {
  it('tells name and role, whatever stands beside them', () => {
    const header = [pair('filename', 'données 🐧.csv'), pair('role', 'other'), 'is_final'].join(',');
    expect(metadataOf(header)).toEqual({ name: 'données 🐧.csv', role: 'other' });
  });

  it.each([
    [undefined, 'INPUT_FILENAME_UNSAFE'],
    [pair('role', 'other'), 'INPUT_FILENAME_UNSAFE'],
    [`${pair('filename', '../x.csv')},${pair('role', 'other')}`, 'INPUT_FILENAME_UNSAFE'],
    [pair('filename', 'x.csv'), 'INPUT_ROLE_INVALID'],
    [`${pair('filename', 'x.csv')},${pair('role', 'king')}`, 'INPUT_ROLE_INVALID'],
  ])('of %j is refused', (header, code) => {
    expect(() => metadataOf(header)).toThrow(expect.objectContaining({ code }));
  });
});
