import { describe, expect, it } from '@jest/globals';
import { columnOf, type Column } from './column.js';
import { findMentions } from './column-mentions.js';
import type { DatasetProfile } from './drafter.js';

const PENGUINS = [
  'species',
  'island',
  'bill_length_mm',
  'bill_depth_mm',
  'flipper_length_mm',
  'body_mass_g',
  'sex',
];

function dataset(datasetKey: string, names: readonly string[]): Column[] {
  const columns = names.map((name) => ({
    name,
    type: 'DOUBLE',
    nulls: 0,
    distinct: 9,
    min: null,
    max: null,
  }));
  const profile: DatasetProfile = {
    datasetKey,
    role: 'other',
    originalName: datasetKey,
    rowCount: 100,
    columns,
  };
  return columns.map((column) => columnOf(profile, column));
}

const namedIn = (requirement: string, names: readonly string[] = PENGUINS): string[] =>
  findMentions(requirement, dataset('d', names)).map(({ column }) => column.name);

describe('findMentions', () => {
  it.each([
    ['Compare body_mass_g between species', ['body_mass_g', 'species']],
    ['Compare Body Mass between Species', ['body_mass_g', 'species']],
    ['compare bodymass across the islands', ['body_mass_g', 'island']],
    ['BODY-MASS by sexes', ['body_mass_g', 'sex']],
    ['is flipper length related to bill length?', ['flipper_length_mm', 'bill_length_mm']],
    ['the length of the bill by island', ['bill_length_mm', 'island']],
    ['draw mass by island', ['body_mass_g', 'island']],
    ['compare boddy mass between speces', ['body_mass_g', 'species']],
    ['fliper lenght of each spceies', ['flipper_length_mm', 'species']],
    ['What is in this data?', []],
    ['', []],
  ])('%j names %j', (requirement, columns) => {
    expect(namedIn(requirement)).toEqual(columns);
  });

  it('names each column once, in the order of the requirement', () => {
    expect(namedIn('sex, then island, then sex and islands')).toEqual(['sex', 'island']);
  });

  it('prefers the longer name where one is part of the other', () => {
    expect(namedIn('bill length', ['bill', 'bill_length'])).toEqual(['bill_length']);
    expect(namedIn('bill and bill length', ['bill', 'bill_length'])).toEqual(['bill', 'bill_length']);
  });

  it('tells columns apart that differ in case', () => {
    expect(namedIn('the Rate by group', ['rate', 'Rate'])).toEqual(['Rate']);
  });

  it('does not take numbered columns for typos of each other', () => {
    expect(namedIn('q3_sales', ['q1_sales', 'q2_sales'])).not.toContain('q2_sales');
    expect(findMentions('q2_sales', dataset('d', ['q1_sales', 'q2_sales']))).toHaveLength(1);
  });

  it('keeps the alternatives where a word belongs to several columns', () => {
    const [mention] = findMentions('compare the bill of each species', dataset('d', PENGUINS));
    expect(mention?.column.name).toBe('bill_length_mm');
    expect(mention?.alternatives.map(({ name }) => name)).toEqual(['bill_depth_mm']);
    expect(mention?.words).toBe('bill');
    expect(mention?.isGuess).toBe(true);
  });

  it('asks nothing about a word whose column is named in full elsewhere', () => {
    const mentions = findMentions('bill length: is a long bill a heavy bill?', dataset('d', PENGUINS));
    expect(mentions.map(({ column, alternatives }) => [column.name, alternatives.length])).toEqual([
      ['bill_length_mm', 0],
    ]);
  });

  it('takes the first of two datasets that have the same column', () => {
    const [mention] = findMentions('price', [
      ...dataset('first', ['price']),
      ...dataset('second', ['price']),
    ]);
    expect(mention?.column.dataset.datasetKey).toBe('first');
    expect(mention?.alternatives.map(({ dataset: { datasetKey } }) => datasetKey)).toEqual(['second']);
  });

  it('needs quotes around a column that is called like any word', () => {
    expect(namedIn('draw a chart of it in the end', ['a', 'in', 'it'])).toEqual([]);
    expect(namedIn('draw "a" by `in`', ['a', 'in'])).toEqual(['a', 'in']);
  });

  it.each([
    ['按物种比较体重', ['物种', '体重'], ['物种', '体重']],
    ['按species比较体重的差异', ['species', '体重（kg）'], ['species', '体重（kg）']],
    ['種ごとに体重を比較する', ['種', '体重'], ['種', '体重']],
    ['종별 체중을 비교', ['체중'], ['체중']],
    ['Сравни массу по видам: масса, вид', ['масса', 'вид'], ['масса', 'вид']],
    ['Größe nach Geschlecht', ['geschlecht', 'GRÖSSE', 'Größe'], ['Größe', 'geschlecht']],
    ['เปรียบเทียบน้ำหนักตามเพศ', ['น้ำหนัก', 'เพศ'], ['น้ำหนัก', 'เพศ']],
  ])('reads %j as it stands', (requirement, names, expected) => {
    expect(namedIn(requirement, names)).toEqual(expected);
  });

  it('finds names of any characters', () => {
    const names = ['a "b" c', 'x.y[0]', 'line\nbreak', '💰', 'SELECT', 'constructor', '__proto__'];
    for (const name of names) expect(namedIn(`please use ${name} now`, names)).toContain(name);
  });

  it('stays quick on a long requirement over many columns', () => {
    const names = Array.from({ length: 1000 }, (_, n) => `column_${n}_of_many_words`);
    // Time of the processor, not of the clock: a busy machine makes nothing slow.
    const before = process.cpuUsage();
    namedIn('many words about colums and wrods '.repeat(1000), names);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
  });
});
