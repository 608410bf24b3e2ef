import { describe, expect, it } from '@jest/globals';
import { parsePlan, type Step } from '#plans';
import type { ColumnProfile, DatasetProfile, DraftProposal } from './drafter.js';
import { RulesDrafter } from './rules-drafter.js';

const column = (name: string, type: string, distinct: number, nulls = 0): ColumnProfile => ({
  name,
  type,
  nulls,
  distinct,
  min: null,
  max: null,
});

const penguins: DatasetProfile = {
  datasetKey: 'penguins',
  role: 'primary_dataset',
  originalName: 'penguins.csv',
  rowCount: 344,
  columns: [
    column('species', 'VARCHAR', 3),
    column('island', 'VARCHAR', 3),
    column('bill_length_mm', 'DOUBLE', 164, 2),
    column('bill_depth_mm', 'DOUBLE', 80, 2),
    column('flipper_length_mm', 'BIGINT', 55, 2),
    column('body_mass_g', 'BIGINT', 94, 2),
    column('sex', 'VARCHAR', 2, 11),
    column('year', 'BIGINT', 3),
    column('date_egg', 'DATE', 50),
  ],
};

async function draft(requirement: string, ...datasets: DatasetProfile[]): Promise<DraftProposal> {
  return new RulesDrafter().draft({ requirement, datasets }, AbortSignal.timeout(5000));
}

const about = (requirement: string): Promise<DraftProposal> => draft(requirement, penguins);
const stepIds = ({ steps }: DraftProposal): string[] => steps.map((step: Step) => step.step_id);
const sqlOf = ({ steps }: DraftProposal, id: string): string => {
  const step = steps.find(({ step_id }) => step_id === id);
  return step?.type === 'sql' ? step.params.sql : '';
};

describe('RulesDrafter', () => {
  it('says that rules wrote the draft and what they understood', async () => {
    const { source, text } = await about(
      'Compare body mass between species of penguins and show it as a chart',
    );
    expect(source).toBe('rules');
    expect(text).toMatch(/written by built-in rules; no language model/);
    expect(text).toMatch(/about body_mass_g, species\./);
  });

  it.each([
    ['body mass by species', ['body_mass_g_by_species', 'body_mass_g_by_species_chart']],
    [
      'body mass by species and sex',
      ['body_mass_g_by_species_and_sex', 'body_mass_g_by_species_and_sex_chart'],
    ],
    [
      'body mass by flipper length',
      [
        'body_mass_g_on_flipper_length_mm',
        'body_mass_g_and_flipper_length_mm_points',
        'body_mass_g_and_flipper_length_mm_points_chart',
      ],
    ],
    ['how many of each species', ['counts_of_species', 'counts_of_species_chart']],
    ['species and islands', ['species_by_island', 'species_by_island_chart']],
    ['body mass', ['distribution_of_body_mass_g', 'distribution_of_body_mass_g_chart']],
    ['body mass over date_egg', ['body_mass_g_by_month', 'body_mass_g_by_month_chart']],
    ['date_egg', ['rows_by_month_of_date_egg', 'rows_by_month_of_date_egg_chart']],
    ['body mass per year', ['body_mass_g_by_year', 'body_mass_g_by_year_chart']],
    ['hello', []],
  ])('drafts for %j, behind the profile, %j', async (requirement, ids) => {
    expect(stepIds(await about(requirement))).toEqual(['profile_penguins', ...ids]);
  });

  it('asks for outcome and grouping when no column is named', async () => {
    const { questions } = await about('What is in here?');
    expect(questions.map(({ question_id, options }) => [question_id, options[0]?.label])).toEqual([
      ['outcome', 'bill_length_mm'],
      ['group_by', 'species'],
    ]);
    expect(questions[1]?.options).toContainEqual({
      option_id: 'option_3',
      label: 'sex',
      value: 'penguins.sex',
    });
  });

  it('records what it guessed, and asks where words name several columns', async () => {
    const proposal = await about('bill by speces');
    expect(proposal.assumptions.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        '“bill” is read as column bill_length_mm (penguins.csv).',
        '“speces” is read as column species (penguins.csv).',
      ]),
    );
    expect(proposal.questions).toHaveLength(1);
    expect(proposal.questions[0]?.options.map(({ value }) => value)).toEqual([
      'penguins.bill_length_mm',
      'penguins.bill_depth_mm',
    ]);
  });

  it('warns of identifiers, constants, missing values and small groups', async () => {
    const { warnings, steps } = await draft('mood by colour and tag', {
      ...penguins,
      columns: [
        column('tag', 'VARCHAR', 344),
        column('colour', 'VARCHAR', 150),
        column('mood', 'DOUBLE', 9, 200),
        column('planet', 'VARCHAR', 1),
      ],
    });
    expect(warnings.map(({ type, severity }) => `${type} ${severity}`)).toEqual([
      'identifier warning',
      'small_groups warning',
      'many_nulls warning',
      'constant info',
    ]);
    expect(steps.map(({ step_id }) => step_id)).toContain('mood_by_colour');
  });

  it('prefers the primary dataset, and analyses each dataset by itself', async () => {
    const other: DatasetProfile = {
      ...penguins,
      datasetKey: 'other',
      role: 'other',
      originalName: 'other.csv',
      columns: [column('species', 'VARCHAR', 3), column('price', 'DOUBLE', 90)],
    };
    const proposal = await draft('body mass and price by species', other, penguins);
    expect(stepIds(proposal).slice(0, 2)).toEqual(['profile_penguins', 'profile_other']);
    expect(sqlOf(proposal, 'body_mass_g_by_species')).toMatch(/FROM "penguins"/);
    expect(proposal.warnings.map(({ type }) => type)).toContain('datasets_not_joined');
    expect(proposal.questions[0]?.options.map(({ label }) => label)).toEqual([
      'species (penguins.csv)',
      'species (other.csv)',
    ]);
  });

  it('writes the same draft for the same request', async () => {
    expect(await about('bill by species')).toEqual(await about('bill by species'));
  });

  it('drafts something valid without any dataset, column or row', async () => {
    const empty = { ...penguins, rowCount: 0, columns: [] };
    for (const proposal of [await draft('body mass'), await draft('body mass', empty)]) {
      expect(parsePlan({ plan_version: 2, steps: proposal.steps }).steps).toHaveLength(1);
      expect(proposal.warnings.length).toBeGreaterThan(0);
    }
  });

  it('is refused once its signal is aborted', async () => {
    await expect(
      new RulesDrafter().draft({ requirement: '', datasets: [] }, AbortSignal.abort()),
    ).rejects.toThrow();
  });

  it('drafts valid plans over hostile names of columns and datasets', async () => {
    const names = [
      'a"b',
      "it's",
      'x.y[0]',
      'line\nbreak',
      '💰',
      'select',
      'n',
      'mean',
      'é'.repeat(300),
      '__proto__',
      'url (x)',
      'javascript:0',
      '; DROP TABLE x; --',
      '体重',
      '\u0001'.repeat(400),
    ];
    const columns = names.map((name, index) => column(name, index % 2 === 0 ? 'DOUBLE' : 'VARCHAR', 9));
    const datasets = ['penguins"; --', 'profile_x', '../../etc', '数据', '"'.repeat(400)].map(
      (datasetKey) => ({ ...penguins, datasetKey, originalName: datasetKey, columns }),
    );
    const { steps } = await draft(names.map((name) => `"${name}"`).join(' '), ...datasets);
    const keys = datasets.map(({ datasetKey }) => datasetKey);
    expect(parsePlan({ plan_version: 2, steps }, { datasetKeys: keys }).steps.length).toBeGreaterThan(20);
  });

  it('leaves out names that no plan can carry, and says so', async () => {
    const columns = [
      column('bad\0', 'DOUBLE', 9),
      column('\ud800', 'DOUBLE', 9),
      column('x'.repeat(5000), 'DOUBLE', 9),
    ];
    const { steps, warnings } = await draft(
      'bad',
      { ...penguins, columns },
      { ...penguins, datasetKey: 'a\0' },
    );
    expect(() => parsePlan({ plan_version: 2, steps })).not.toThrow();
    expect(warnings.filter(({ type }) => type === 'unusable_name')).toHaveLength(2);
  });

  it('keeps the largest request within one plan', async () => {
    const columns = Array.from({ length: 60 }, (_, n) => column(`${'"'.repeat(390)}${n}`, 'DOUBLE', 9));
    const datasets = Array.from({ length: 120 }, (_, n) => ({ ...penguins, datasetKey: `d${n}`, columns }));
    const { steps, warnings } = await draft(
      columns
        .slice(0, 12)
        .map(({ name }) => name)
        .join(' '),
      ...datasets,
    );
    expect(() => parsePlan({ plan_version: 2, steps })).not.toThrow();
    expect(warnings.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['too_many_datasets', 'too_many_columns', 'too_many_tables']),
    );
  });
});
