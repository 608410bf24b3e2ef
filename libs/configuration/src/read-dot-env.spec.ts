import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readDotEnv } from './read-dot-env.js';

describe('readDotEnv', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ss-dot-env-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('reads names, quotes and comments', () => {
    const file = join(folder, '.env');
    writeFileSync(file, '# a comment\nSS_API_PORT=4000\nDATABASE_URL="postgres://a b"\n');
    expect(readDotEnv(file)).toEqual({ SS_API_PORT: '4000', DATABASE_URL: 'postgres://a b' });
  });

  it('answers with nothing when there is no such file', () => {
    expect(readDotEnv(join(folder, 'none'))).toEqual({});
  });
});
