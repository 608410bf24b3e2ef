import { describe, expect, it } from '@jest/globals';
import { archivedLine, columnOf, sealedTextOf } from './archived-row.js';

const ROW =
  '(12,acme,"2026-05-04 03:00:00.5+00",operator,"a ""b"" \\\\ c",test.done,test,"(x,y)",,queued,9007199254740993,,,"",,' +
  ',api,"{""a"": ""one\\\\ntwo""}",,ss_api_login)';

describe('a line of the archive', () => {
  it('has the fields of the row, and the text that its digest is made of', () => {
    expect(JSON.parse(archivedLine(ROW))).toMatchObject({
      event_id: 12,
      tenant_id: 'acme',
      occurred_at: '2026-05-04T03:00:00.5Z',
      actor_id: 'a "b" \\ c',
      resource_id: '(x,y)',
      from_status: null,
      to_status: 'queued',
      reason: '',
      request_id: null,
      changes: { a: 'one\ntwo' },
      metadata: null,
      database_user: 'ss_api_login',
      sealed_text: ROW,
    });
    expect(columnOf(ROW, 'occurred_at')).toBe('2026-05-04 03:00:00.5+00');
  });

  it('keeps every digit of a number', () => {
    expect(archivedLine(ROW)).toContain('"version":9007199254740993,');
  });

  it('gives its text back, and only while every other field agrees with it', () => {
    const line = archivedLine(ROW);
    expect(sealedTextOf(line)).toBe(ROW);
    expect(sealedTextOf(line.replace('"acme"', '"other"'))).toBeNull();
    expect(sealedTextOf(line.replace('9007199254740993,"run', '9007199254740992,"run'))).toBeNull();
    expect(sealedTextOf(`${line} `)).toBeNull();
  });

  it.each(['', 'x', '[]', '{}', '{"sealed_text":1}', '{"sealed_text":"(1,2)"}', `{"sealed_text":"(\\"${'a'.repeat(100_000)}"}`])(
    'is none: %.20s',
    (line) => {
      expect(sealedTextOf(line)).toBeNull();
    },
  );
});
