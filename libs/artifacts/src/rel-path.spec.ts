import { describe, expect, it } from '@jest/globals';
import { assertSafeRelPath, assertSafeStorageName } from './rel-path.js';

const REFUSED: readonly (readonly [what: string, path: string])[] = [
  ['an empty path', ''],
  ['513 characters', 'a'.repeat(513)],
  ['a NUL', 'a\u0000b'],
  ['a newline', 'a\nb'],
  ['DEL', 'a\u007fb'],
  ['a C1 control', 'a\u009bb'],
  ['a backslash', 'a\\b'],
  ['an absolute path', '/etc/passwd'],
  ['a home path', '~/x'],
  ['a leading ..', '../x'],
  ['an inner ..', 'a/../b'],
  ['a trailing ..', 'a/..'],
  ['a . component', 'a/./b'],
  ['an empty component', 'a//b'],
  ['a trailing slash', 'a/'],
  ['a lone high surrogate', 'a\ud800'],
  ['a lone low surrogate', '\udc00a'],
];

describe('assertSafeRelPath', () => {
  it.each(REFUSED)('refuses %s', (_what, path) => {
    expect(() => {
      assertSafeRelPath(path);
    }).toThrow(expect.objectContaining({ code: 'ARTIFACT_PATH_UNSAFE' }));
  });

  it.each([
    'plan.json',
    'tables/step 1.csv',
    'outputs/a/ü/😀.txt',
    '...',
    'a/.hidden',
    'a~',
    'a'.repeat(512),
  ])('lets %p pass', (path) => {
    expect(() => {
      assertSafeRelPath(path);
    }).not.toThrow();
  });
});

describe('assertSafeStorageName', () => {
  it.each(['a/~part', 'é'.repeat(121), '../x'])('refuses %p', (name) => {
    expect(() => {
      assertSafeStorageName(name);
    }).toThrow(expect.objectContaining({ code: 'ARTIFACT_PATH_UNSAFE' }));
  });
});
