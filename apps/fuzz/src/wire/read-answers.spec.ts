import { describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { readAnswers } from './read-answers.js';

const bytes = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
const texts = (all: Buffer, method = 'GET', isOver = true): string[] =>
  readAnswers(all, method, isOver).map(({ status, body }) => `${status} ${body.toString()}`);

describe('readAnswers', () => {
  it('reads answers with a length, in chunks, and to the end of the connection', () => {
    expect(
      texts(
        bytes('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'),
      ),
    ).toEqual(['200 hi', '404 ']);
    expect(
      texts(bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n')),
    ).toEqual(['200 hi!']);
    const open = bytes('HTTP/1.1 200 OK\r\n\r\nto the end');
    expect(texts(open)).toEqual(['200 to the end']);
    expect(texts(open, 'GET', false)).toEqual([]);
  });

  it('waits for what has not come yet', () => {
    for (const part of [
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal',
    ])
      expect(texts(bytes(part), 'GET', false)).toEqual([]);
  });

  it('unpacks, passes over 100, and takes HEAD, 304 and streams of events by their head', () => {
    const packed = gzipSync('much');
    expect(
      texts(
        bytes(
          `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`,
          packed,
        ),
      ),
    ).toEqual(['200 much']);
    expect(
      texts(bytes('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n')),
    ).toEqual(['304 ']);
    expect(texts(bytes('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'), 'HEAD')).toEqual(['200 ']);
    expect(
      texts(
        bytes('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n5\r\nid: 1\r\n\r\n'),
        'GET',
        false,
      ),
    ).toEqual(['200 ']);
    expect(readAnswers(bytes('what is this\r\n\r\n'), 'GET', true).map(({ status }) => status)).toEqual([0]);
  });
});
