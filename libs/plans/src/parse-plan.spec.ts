import { describe, expect, it } from '@jest/globals';
import { parsePlan, type PlanOptions } from './parse-plan.js';
import { PlanInvalid } from './plan-invalid.js';

function faultsOf(input: unknown, options?: PlanOptions): Record<string, string> {
  try {
    parsePlan(input, options);
  } catch (error) {
    if (error instanceof PlanInvalid)
      return Object.fromEntries(error.errors.map((f) => [f.pointer, f.detail]));
    throw error;
  }
  return {};
}

const noop = (step_id: string, ...depends_on: string[]): object => ({
  step_id,
  type: 'noop',
  params: {},
  depends_on,
});
const sql = (step_id: string, text = 'SELECT 1'): object => ({ step_id, type: 'sql', params: { sql: text } });
const chart = (step: string, spec: unknown = { mark: 'bar' }): object => ({
  step_id: 'drawing',
  type: 'chart',
  params: { step, spec },
});
const command = (profile: unknown, args: unknown): object => ({
  step_id: 'program',
  type: 'command',
  params: { profile, args },
});
const plan = (...steps: unknown[]): object => ({ plan_version: 2, steps });

describe('parsePlan', () => {
  it('answers an equal copy that shares nothing with its input', () => {
    const input = plan(
      { ...sql('means'), timeout_seconds: 60, produces: ['tables/means.csv'], purpose: 'the means' },
      chart('means', { mark: 'bar', encoding: { x: { field: 'a' } } }),
      { ...command('stata', ['-q', '']), depends_on: ['means'] },
      noop('last', 'drawing'),
    );
    const before = JSON.stringify(input);
    const parsed = parsePlan(input);
    expect(parsed).toEqual(input);
    for (const step of parsed.steps) if (step.type === 'chart') step.params.spec['mark'] = 'line';
    expect(JSON.stringify(input)).toBe(before);
  });

  it('sends the author of a version 1 plan to the migration, and says which versions are read', () => {
    expect(faultsOf({ plan_version: 1, steps: [] })['/plan_version']).toMatch(/upgraded by migration/);
    expect(faultsOf({ plan_version: 3, steps: [] })['/plan_version']).toMatch(/supported: 2/);
    expect(faultsOf({ plan_version: '2', steps: [] })['/plan_version']).toMatch(/supported: 2/);
    expect(faultsOf({ steps: [] })).toEqual({ '/plan_version': 'is required' });
  });

  it('keeps what holds for the whole plan, and nothing that its author did not write', () => {
    const retry = {
      max_attempts: 5,
      backoff_base_seconds: 0,
      backoff_max_seconds: 60,
      codes: ['STEP_TIMED_OUT'],
    };
    const whole = { ...plan(noop('a')), retry, timeout_seconds: 3600 };
    expect(parsePlan(whole)).toEqual(whole);
    expect(parsePlan({ ...plan(noop('a')), retry: { max_attempts: 1 } })).toEqual({
      ...plan(noop('a')),
      retry: { max_attempts: 1 },
    });
  });

  it('refuses retries and times that cannot be', () => {
    const wrong = {
      max_attempts: 0,
      backoff_base_seconds: -1,
      backoff_max_seconds: 1.5,
      codes: ['x', 'A', 'A'],
      pause: 1,
    };
    expect(Object.keys(faultsOf({ ...plan(noop('a')), retry: wrong, timeout_seconds: 0 })).sort()).toEqual([
      '/retry/backoff_base_seconds',
      '/retry/backoff_max_seconds',
      '/retry/codes/0',
      '/retry/codes/2',
      '/retry/max_attempts',
      '/retry/pause',
      '/timeout_seconds',
    ]);
    expect(faultsOf({ ...plan(noop('a')), retry: 3 })).toEqual({ '/retry': expect.stringMatching(/object/) });
  });

  it.each([[null], ['plan'], [[]], [7]])('refuses %p as a plan', (input) => {
    expect(faultsOf(input)).toEqual({ '': expect.stringMatching(/object/) });
  });

  it('wants 1 to 200 steps', () => {
    const many = Array.from({ length: 201 }, (_, index) => noop(`s${index}`));
    expect(faultsOf(plan())).toHaveProperty(['/steps']);
    expect(faultsOf(plan(...many))).toHaveProperty(['/steps']);
    expect(faultsOf(plan(...many.slice(1)))).toEqual({});
  });

  it('names every fault at once, each by its pointer', () => {
    const faults = faultsOf({
      ...plan(
        sql('bad id'),
        { ...sql('b', ' '), speed: 1, timeout_seconds: 0 },
        { step_id: 'c', type: 'r', params: {} },
        5,
      ),
      author: 'me',
    });
    expect(Object.keys(faults).sort()).toEqual([
      '/author',
      '/steps/0/step_id',
      '/steps/1/params/sql',
      '/steps/1/speed',
      '/steps/1/timeout_seconds',
      '/steps/2/type',
      '/steps/3',
    ]);
  });

  it('puts a bound on how many faults it tells, and counts the rest', () => {
    const steps = Array.from({ length: 200 }, () => 1);
    expect(() => parsePlan(plan(...steps))).toThrow('and 199 more');
    expect(Object.keys(faultsOf(plan(...steps)))).toHaveLength(100);
  });

  it('escapes a hostile key in its pointer', () => {
    expect(faultsOf({ ...plan(noop('a')), 'a/b~c': 1 })).toHaveProperty(['/a~1b~0c']);
  });

  it.each(['1a', '_a', 'a-b', 'a.b', 'a'.repeat(65), 'é', '', '../a', 'a\n'])(
    'refuses the step id %p',
    (id) => {
      expect(faultsOf(plan(noop(id)))).toHaveProperty(['/steps/0/step_id']);
    },
  );

  it('tells step ids apart without case, and from the keys of datasets', () => {
    expect(faultsOf(plan(noop('a'), noop('A')))['/steps/1/step_id']).toMatch(/already the id of step 0/);
    expect(faultsOf(plan(noop('Penguins')), { datasetKeys: ['penguins'] })).toHaveProperty([
      '/steps/0/step_id',
    ]);
  });

  it('refuses dependencies that are unknown, doubled or on the step itself', () => {
    const faults = faultsOf(plan(noop('a'), noop('b', 'a', 'a', 'x', 'b')));
    expect(faults['/steps/1/depends_on/1']).toMatch(/twice/);
    expect(faults['/steps/1/depends_on/2']).toMatch(/"x" is no step/);
    expect(faults['/steps/1/depends_on/3']).toMatch(/itself/);
  });

  it('names the cycle', () => {
    expect(faultsOf(plan(noop('z'), noop('a', 'c'), noop('b', 'a'), noop('c', 'b')))).toEqual({
      '/steps/1/depends_on': 'closes a cycle: a → c → b → a',
    });
  });

  it('sees a cycle that a chart closes without a word in depends_on', () => {
    expect(faultsOf(plan(chart('means'), { ...sql('means'), depends_on: ['drawing'] }))).toEqual({
      '/steps/0/params/step': 'closes a cycle: drawing → means → drawing',
    });
  });

  it('draws only steps that have a table', () => {
    expect(faultsOf(plan(chart('nothing')))['/steps/0/params/step']).toMatch(/no step/);
    expect(faultsOf(plan(noop('n'), chart('n')))['/steps/1/params/step']).toMatch(/is a noop step/);
    expect(faultsOf(plan(chart('drawing')))['/steps/0/params/step']).toMatch(/is a chart step/);
    expect(faultsOf(plan(sql('s'), chart('s', 'bar')))['/steps/1/params/spec']).toMatch(/object/);
  });

  it.each([
    [{ data: { url: 'https://example.org/a.csv' } }, '/data/url'],
    [{ layer: [{ mark: 'image', encoding: { url: { field: 'a' } } }] }, '/layer/0/encoding/url'],
    [{ transform: [{ from: { data: { URL: 'file:///etc/passwd' } } }] }, '/transform/0/from/data/URL'],
    [{ mark: { type: 'point', href: 'javascript:0' } }, '/mark/href'],
    [{ config: { background: 'URL (https://example.org/a.svg)' } }, '/config/background'],
    [{ usermeta: { embedOptions: { patch: 'https://example.org' } } }, '/usermeta'],
  ])('refuses what could load something: %j', (spec, place) => {
    expect(Object.keys(faultsOf(plan(sql('s'), chart('s', spec))))).toEqual([`/steps/1/params/spec${place}`]);
  });

  it('lets a chart name its schema and a column called url', () => {
    const spec = {
      $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
      encoding: { x: { field: 'url' } },
    };
    expect(faultsOf(plan(sql('s'), chart('s', spec)))).toEqual({});
  });

  it('knows the profiles when it is told of them', () => {
    expect(
      faultsOf(plan(command('r', [])), { commandProfiles: ['stata'] })['/steps/0/params/profile'],
    ).toMatch(/"r" is no/);
    expect(faultsOf(plan(command('r', [])), { commandProfiles: ['r'] })).toEqual({});
    expect(faultsOf(plan(command('r', [])))).toEqual({});
  });

  it('takes arguments as a bounded list of strings', () => {
    expect(faultsOf(plan(command('r', 'rm -rf')))).toHaveProperty(['/steps/0/params/args']);
    expect(faultsOf(plan(command('r', ['a', 1])))).toHaveProperty(['/steps/0/params/args/1']);
    expect(faultsOf(plan(command('r', ['é'.repeat(2001)])))).toHaveProperty(['/steps/0/params/args/0']);
    expect(faultsOf(plan(command('r', Array<string>(101).fill('a'))))).toHaveProperty([
      '/steps/0/params/args',
    ]);
    expect(faultsOf(plan(command('r', ['a\0'])))['/steps/0/params/args/0']).toMatch(/NUL/);
  });

  it.each(['/etc/passwd', '../a', 'a/../b', 'a//b', './a', 'a\\b', 'C:/a', 'a\n', '', 'a'.repeat(256)])(
    'refuses to promise the path %p',
    (path) => {
      expect(faultsOf(plan({ ...noop('a'), produces: ['ok.csv', path] }))).toHaveProperty([
        '/steps/0/produces/1',
      ]);
    },
  );

  it('holds steps to their limits', () => {
    expect(faultsOf(plan(sql('a', `SELECT '${'é'.repeat(50_000)}'`)))).toHaveProperty([
      '/steps/0/params/sql',
    ]);
    expect(faultsOf(plan({ ...noop('a'), timeout_seconds: 86_401 }))).toHaveProperty([
      '/steps/0/timeout_seconds',
    ]);
    expect(faultsOf(plan({ ...noop('a'), timeout_seconds: 1.5 }))).toHaveProperty([
      '/steps/0/timeout_seconds',
    ]);
    expect(faultsOf(plan({ ...noop('a'), params: { x: 1 } }))).toHaveProperty(['/steps/0/params/x']);
    expect(faultsOf(plan(sql('a')), { limits: { planBytes: 50 } })).toHaveProperty(['']);
    expect(faultsOf(plan({ ...noop('a'), purpose: null }))).toHaveProperty(['/steps/0/purpose']);
  });

  it('refuses text that jsonb cannot hold, in values and in keys', () => {
    expect(faultsOf(plan(sql('a', "SELECT '\0'")))['/steps/0/params/sql']).toMatch(/NUL/);
    expect(faultsOf(plan(sql('a', "SELECT '\ud800'")))['/steps/0/params/sql']).toMatch(/surrogate/);
    expect(Object.keys(faultsOf(plan(sql('s'), chart('s', { 'a\0': 1 }))))).toEqual([
      '/steps/1/params/spec/a\0',
    ]);
  });

  it('refuses what is nested too deeply, without running out of stack', () => {
    const deep: unknown = JSON.parse('{"a":'.repeat(5000) + '1' + '}'.repeat(5000));
    const faults = faultsOf(plan(sql('s'), chart('s', deep)));
    expect(Object.values(faults)).toEqual(['is nested too deeply']);
  });

  it('lets no key reach a prototype', () => {
    const hostile: unknown = JSON.parse(
      '{"plan_version":2,"__proto__":{"steps":[]},"steps":[{"step_id":"s","type":"sql","params":{"sql":"SELECT 1"}},' +
        '{"step_id":"c","type":"chart","params":{"step":"s","spec":{"__proto__":{"polluted":1},"constructor":{"a":1}}}}]}',
    );
    expect(Object.keys(faultsOf(hostile))).toEqual(['/__proto__', '/steps/1/params/spec/__proto__']);
    expect({}).not.toHaveProperty('polluted');
    expect(faultsOf(plan({ step_id: 'a', type: 'constructor', params: {} }))).toHaveProperty([
      '/steps/0/type',
    ]);
  });

  it('refuses values that are no JSON', () => {
    expect(faultsOf(plan(sql('s'), chart('s', { a: () => 1 })))).toHaveProperty(['/steps/1/params/spec/a']);
    expect(faultsOf(plan(sql('s'), chart('s', { a: Number.NaN })))).toHaveProperty([
      '/steps/1/params/spec/a',
    ]);
  });
});
