import { describe, expect, it } from '@jest/globals';
import { codesIn, logCallsIn, sources } from '#testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventKind } from './event.js';
import { EVENT_FIELDS, EVENT_FRAME, EVENT_IDS } from './event-fields.js';
import { type EventCode, EVENTS, faultsOfLine, renderEvents } from './events.js';

const root = join(import.meta.dirname, '../../../..');
const kinds = Object.entries<EventKind>(EVENTS);

describe('the vocabulary of the log', () => {
  it('has codes and fields of one form, each with a sentence that says what it means', () => {
    for (const [code, { means, levels }] of kinds) {
      expect(code).toMatch(/^SS_[A-Z]+(_[A-Z]+)+$|^SS_FRAMEWORK$/);
      expect([code, means]).toEqual([code, expect.stringMatching(/^\S.{8,}\.$/)]);
      expect([code, levels.length]).toEqual([code, expect.any(Number)]);
    }
    for (const [name, means] of Object.entries({ ...EVENT_FRAME, ...EVENT_IDS, ...EVENT_FIELDS })) {
      expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect([name, means]).toEqual([name, expect.stringMatching(/^\S.{4,}[.…]$/)]);
    }
  });

  it('calls a field of one meaning by one name, and an id only as all lines call it', () => {
    const fields = Object.keys(EVENT_FIELDS);
    const ids = [...Object.keys(EVENT_IDS), ...Object.keys(EVENT_FRAME)];
    expect(fields.filter((name) => ids.includes(name))).toEqual([]);
    // An id, a length of time, an instant: the name says so, and always in the same way.
    expect(
      fields.filter((name) =>
        /_id$|^id$|^(ms|seconds|duration|tenant|job|run|worker)$|_sec$|_at_ms$/.test(name),
      ),
    ).toEqual([]);
    // What free text, data and secrets are called in this house.
    const never =
      /(^|_)(prompt|requirement|question|answer|text|secret|password|authorization|body|sql|detail|note)($|_)|^key$/;
    expect(fields.filter((name) => never.test(name))).toEqual([]);
  });

  it('has no field that no event has', () => {
    const used = new Set(kinds.flatMap(([, { fields }]) => fields));
    expect(Object.keys(EVENT_FIELDS).filter((name) => !used.has(name as keyof typeof EVENT_FIELDS))).toEqual(
      [],
    );
  });
});

describe('what the source says', () => {
  const files = sources(root);
  const calls = files.flatMap((file) => logCallsIn(file));

  it('is read at all', () => {
    expect(files.length).toBeGreaterThan(200);
    expect(calls.length).toBeGreaterThan(50);
  });

  it('has an event in every line of the log', () => {
    expect(calls.filter(({ codes }) => codes.length === 0).map(({ place }) => place)).toEqual([]);
  });

  it('uses every code of the vocabulary and no other', () => {
    const used = new Set(files.flatMap((file) => codesIn(file)));
    expect([...used].sort()).toEqual(Object.keys(EVENTS).sort());
  });

  it('says each at a level, and with fields, that the vocabulary knows', () => {
    const faults = calls.flatMap(({ place, level, codes, fields }) =>
      codes
        .filter((code): code is EventCode => Object.hasOwn(EVENTS, code))
        .flatMap((event) =>
          faultsOfLine({ ...Object.fromEntries(fields.map((name) => [name, 1])), event, level }),
        )
        .map((fault) => `${place}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });
});

it('finds an unknown event, a level that the event does not have, and a field that is none of its', () => {
  const line = { event: 'SS_DRAFT_START', level: 'info', job_id: 'j', message: 'drafting' };
  expect(faultsOfLine(line)).toEqual([]);
  expect(faultsOfLine({ ...line, level: 'warn', jobId: 'j' })).toEqual([
    'SS_DRAFT_START has level warn',
    'SS_DRAFT_START has a field jobId',
  ]);
  expect(faultsOfLine({ ...line, event: 'toString' })).toEqual(['no such event: toString']);
});

describe('docs/events.md', () => {
  it('is what the code says (else: npm run docs)', () => {
    expect(readFileSync(join(root, 'docs/events.md'), 'utf8')).toBe(renderEvents());
  });
});
