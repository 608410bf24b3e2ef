import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '#testing';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PrintedTail } from './printed-tail.js';
import type { PrintedLines } from './step-request.js';

let folder: string;
let told: PrintedLines[];
let tail: PrintedTail;
let paths: { stdout: string; stderr: string };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ss-printed-'));
  paths = { stdout: join(folder, 'out'), stderr: join(folder, 'err') };
  told = [];
  tail = new PrintedTail(paths, (printed) => told.push(printed), 10);
  tail.start();
});
afterEach(async () => {
  await tail.stop();
  await rm(folder, { recursive: true, force: true });
});

const lines = (stream = 'stdout'): string[] =>
  told.filter((printed) => printed.stream === stream).flatMap((printed) => printed.lines);

describe('what a program prints', () => {
  it('is told line by line while it prints, and the rest at its end', async () => {
    await appendFile(paths.stdout, 'one\ntwo\r\nthr');
    await eventually(() => lines().length === 2);
    await appendFile(paths.stdout, 'ee\n\nlast');
    await appendFile(paths.stderr, 'oh\n');
    await eventually(() => lines().length === 4 && lines('stderr').length === 1);
    await tail.stop();
    expect(lines()).toEqual(['one', 'two', 'three', '', 'last']);
    expect(lines('stderr')).toEqual(['oh']);
  });

  it('may be no text at all, or one letter over two writes', async () => {
    const letter = Buffer.from('ä');
    await appendFile(paths.stdout, Buffer.concat([Buffer.from('a\0b'), letter.subarray(0, 1)]));
    await new Promise(setImmediate);
    await appendFile(paths.stdout, Buffer.concat([letter.subarray(1), Buffer.from([0xff, 0x0a])]));
    await tail.stop();
    expect(lines()).toEqual(['a\ufffdbä\ufffd']);
  });

  it('is cut in pieces where it has no end of a line, and ends at a bound', async () => {
    await appendFile(paths.stdout, 'x'.repeat(2_500) + '\n');
    await eventually(() => lines().join('').length === 2_500);
    expect(Math.max(...lines().map((line) => line.length))).toBe(1_000);
    await appendFile(paths.stdout, 'y'.repeat(200_000));
    await eventually(() => told.some(({ isCut }) => isCut));
    await appendFile(paths.stdout, 'more\n');
    await tail.stop();
    expect(lines().join('').length).toBeLessThanOrEqual(65_536);
    expect(lines().join('')).not.toContain('more');
    expect(told.filter(({ isCut }) => isCut)).toHaveLength(1);
  });
});
