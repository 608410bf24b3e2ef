import { describe, expect, it } from '@jest/globals';
import { validateSync } from 'class-validator';
import { IsLabels } from './labels.js';

class Labelled {
  @IsLabels()
  labels: unknown;
}

function isTaken(labels: unknown): boolean {
  const body = new Labelled();
  body.labels = labels;
  return validateSync(body).length === 0;
}

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, '']));

describe('labels', () => {
  it.each<[what: string, labels: unknown]>([
    ['none', {}],
    ['one', { team: 'polar' }],
    ['names of any characters', { 'a b/ä': '' }],
    ['names of 63 and texts of 255 characters', { ['x'.repeat(63)]: 'y'.repeat(255) }],
    ['32 of them', many(32)],
  ])('may be %s', (_what, labels) => {
    expect(isTaken(labels)).toBe(true);
  });

  it.each<[what: string, labels: unknown]>([
    ['null', null],
    ['absent', undefined],
    ['a text', 'team=polar'],
    ['a number', 7],
    ['a list', ['team']],
    ['numbers', { team: 1 }],
    ['nulls', { team: null }],
    ['objects', { team: { name: 'polar' } }],
    ['without a name', { '': 'x' }],
    ['named with the sign that ends a name', { 'a=b': 'x' }],
    ['named by 64 characters', { ['x'.repeat(64)]: '' }],
    ['texts of 256 characters', { team: 'y'.repeat(256) }],
    ['33 of them', many(33)],
  ])('may not be %s', (_what, labels) => {
    expect(isTaken(labels)).toBe(false);
  });
});
