import { createLogger, startTracing } from '#observability';
import { OtlpReceiver, type ReceivedSpan, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Lifting } from '../lifting.fixture.js';
import { aDocument, TestTree } from '../tree.fixture.js';

const PLANTED = 'the planted question 51ce';

let db: TestDatabase;
let lifting: Lifting;
let tree: TestTree;
let receiver: OtlpReceiver;

beforeAll(async () => {
  db = await testDatabase();
  lifting = await Lifting.start(db.database('ss_operator'));
  tree = await TestTree.make();
  receiver = await OtlpReceiver.http();
});
afterAll(async () => {
  await receiver.stop();
  await tree.remove();
  await lifting.stop();
  await db.drop();
});

describe('a migration that is traced', () => {
  it('is one trace: the batch, its chunks, their transactions; and tells nothing of the files', async () => {
    for (const id of ['job_t1', 'job_t2']) {
      await tree.put(`${id}/job.json`, aDocument(id, { requirement: PLANTED }));
    }
    const logger = createLogger({ program: 'test', level: 'silent' });
    const file = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const tracing = await startTracing({ service: 'ss-test', environment: process.env, file, logger });
    try {
      const { result } = await lifting.run(tree.root);
      expect(result.counts['migrated']).toBe(2);
    } finally {
      await tracing.stop();
    }
    const named = (name: string): ReceivedSpan[] => receiver.spans.filter((span) => span.name === name);
    const [batch, ...otherBatches] = named('migration batch');
    expect(otherBatches).toEqual([]);
    expect(batch).toMatchObject({ parentSpanId: null, attributes: { 'ss.migration.migrated': 2 } });
    const [chunk] = named('migration chunk');
    expect(chunk).toMatchObject({ parentSpanId: batch?.spanId, attributes: { 'ss.migration.files': 2 } });
    const below = receiver.spans.filter(({ parentSpanId }) => parentSpanId === chunk?.spanId);
    expect(below.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^transaction \w+\.\w+$/));
    expect(new Set(receiver.spans.map(({ traceId }) => traceId)).size).toBe(1);
    const all = Buffer.concat(receiver.bodies).toString('utf8');
    for (const secret of [PLANTED, tree.root, 'INSERT', 'SELECT']) {
      expect([secret, all.includes(secret)]).toEqual([secret, false]);
    }
  });
});
