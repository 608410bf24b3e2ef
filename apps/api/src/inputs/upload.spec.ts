import { describe, expect, it } from '@jest/globals';
import { toName } from './upload.js';

describe('the name of an uploaded file', () => {
  it.each(['penguins.csv', 'Palmer Penguins (2).csv', 'données 🐧.tsv', '.csv', '...csv'])(
    'may be %s',
    (name) => {
      expect(toName(name)).toBe(name);
    },
  );

  it.each([
    '',
    '.',
    '..',
    'a/b.csv',
    '../a.csv',
    '/etc/passwd',
    'C:\\data.csv',
    'a\0.csv',
    'a\n.csv',
    'a\u0085.csv',
    'a\ud800.csv',
  ])('may not be %j', (name) => {
    expect(() => toName(name)).toThrow(expect.objectContaining({ code: 'INPUT_FILENAME_UNSAFE' }));
  });

  it('has at most 255 characters', () => {
    expect(toName(`${'x'.repeat(251)}.csv`)).toHaveLength(255);
    expect(() => toName(`${'x'.repeat(252)}.csv`)).toThrow(
      expect.objectContaining({ code: 'INPUT_FILENAME_UNSAFE' }),
    );
  });
});
