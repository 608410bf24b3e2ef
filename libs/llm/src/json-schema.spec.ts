import { describe, expect, it } from '@jest/globals';
import { checkSchema, type JsonSchema } from './json-schema.js';

const SCHEMA: JsonSchema = {
  type: 'object',
  required: ['text', 'steps'],
  additionalProperties: false,
  properties: {
    text: { type: 'string', maxLength: 5 },
    kind: { type: 'string', enum: ['a', 'b'] },
    ok: { type: 'boolean' },
    n: { type: 'number' },
    steps: {
      type: 'array',
      maxItems: 2,
      items: {
        type: 'object',
        required: [],
        additionalProperties: true,
        properties: { id: { type: 'string' } },
      },
    },
  },
};

const places = (value: unknown): string[] =>
  checkSchema(SCHEMA, value).map(({ pointer, detail }) => `${pointer} ${detail}`);

describe('checkSchema', () => {
  it('lets a value of the shape pass', () => {
    expect(places({ text: 'ok', kind: 'a', ok: true, n: 1, steps: [{ id: 's', more: 1 }] })).toEqual([]);
  });

  it.each<[unknown, string[]]>([
    [null, [' must be an object']],
    [[], [' must be an object']],
    ['{}', [' must be an object']],
    [{}, ['/text is required', '/steps is required']],
    [{ text: 'too long', steps: [] }, ['/text must have at most 5 characters']],
    [{ text: 1, steps: {} }, ['/text must be a string', '/steps must be a list']],
    [{ text: '', kind: 'c', steps: [] }, ['/kind must be one of a, b']],
    [{ text: '', ok: 1, n: '1', steps: [] }, ['/ok must be a boolean', '/n must be a number']],
    [{ text: '', steps: [{}, {}, {}] }, ['/steps must have at most 2 items']],
    [{ text: '', steps: [{ id: 1 }, 2] }, ['/steps/0/id must be a string', '/steps/1 must be an object']],
    [{ text: '', steps: [], 'a/b~c': 1 }, ['/a~1b~0c is not a known key']],
    [{ text: '', steps: [], toString: 1 }, ['/toString is not a known key']],
  ])('names what is wrong with %j', (value, faults) => {
    expect(places(value)).toEqual(faults);
  });

  it('names twenty faults at most', () => {
    expect(
      places(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${String(n)}`, n]))),
    ).toHaveLength(20);
  });
});
