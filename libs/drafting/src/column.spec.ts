import { describe, expect, it } from '@jest/globals';
import { columnOf, isGroupable } from './column.js';

const column = (name: string, type: string, distinct = 5, nulls = 0): ReturnType<typeof columnOf> => {
  const profile = { name, type, nulls, distinct, min: null, max: null };
  return columnOf(
    { datasetKey: 'd', role: 'other', originalName: 'd', rowCount: 100, columns: [profile] },
    profile,
  );
};

describe('columnOf', () => {
  it.each([
    ['DOUBLE', 'number'],
    ['DECIMAL(18,3)', 'number'],
    ['UBIGINT', 'number'],
    ['HUGEINT', 'number'],
    ['VARCHAR', 'category'],
    ["ENUM('a', 'b')", 'category'],
    ['BOOLEAN', 'category'],
    ['DATE', 'date'],
    ['TIMESTAMP WITH TIME ZONE', 'date'],
    ['TIME', 'other'],
    ['INTEGER[]', 'other'],
    ['STRUCT(a INTEGER)', 'other'],
    ['BLOB', 'other'],
  ])('takes %s for a %s', (type, kind) => {
    expect(column('x', type).kind).toBe(kind);
  });

  it('sees identifiers by values that are all different, and numbers also by their name', () => {
    expect(column('customer', 'VARCHAR', 100).kind).toBe('identifier');
    expect(column('customer', 'VARCHAR', 78, 20).kind).toBe('identifier');
    expect(column('customer_id', 'BIGINT', 97).kind).toBe('identifier');
    expect(column('customerId', 'BIGINT', 97).kind).toBe('identifier');
    expect(column('income', 'BIGINT', 100).kind).toBe('number');
    expect(column('customer_id', 'BIGINT', 12).kind).toBe('number');
  });

  it('lets a whole number of few values name groups', () => {
    expect(isGroupable(column('year', 'BIGINT', 3))).toBe(true);
    expect(isGroupable(column('year', 'BIGINT', 30))).toBe(false);
    expect(isGroupable(column('price', 'DOUBLE', 3))).toBe(false);
  });
});
