import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { metrics } from './metrics.js';
import { registries } from './metrics/registries.js';
import { systemMetrics } from './metrics/system-metrics.js';

/** Every row of the table: what the documents say of a metric. */
function documented(): Map<string, { type: string; labels: string[]; toldBy: string }> {
  const rows = readFileSync('docs/metrics.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `ss_'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return new Map(
    rows.map(([, name = '', type = '', , labels = '', toldBy = '']) => [
      name.replaceAll('`', ''),
      {
        type,
        labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!).sort(),
        toldBy,
      },
    ]),
  );
}

/** The same by the code; the names of labels are a field that the types of prom-client keep to themselves. */
function coded(): Map<string, { type: string; labels: string[]; toldBy: string }> {
  const found = new Map<string, { type: string; labels: string[]; toldBy: string }>();
  for (const [program, registry] of Object.entries(registries)) {
    const teller = { api: 'API', worker: 'worker', system: 'one worker' }[program]!;
    for (const metric of registry.getMetricsAsArray() as unknown as Defined[]) {
      if (!metric.name.startsWith('ss_')) continue;
      const labels = metric.labelNames.filter((label) => label !== 'le').sort();
      const before = found.get(metric.name)?.toldBy;
      const toldBy = before === undefined ? teller : `${before}, ${teller}`;
      found.set(metric.name, { type: typeOf(metric.name), labels, toldBy });
    }
  }
  return found;
}

interface Defined {
  name: string;
  labelNames: string[];
}

const all = [...Object.values(metrics), ...Object.values(systemMetrics)];

function typeOf(name: string): string {
  const metric = all.find((one) => Reflect.get(one, 'name') === name);
  return metric?.constructor.name.toLowerCase() ?? 'none';
}

describe('docs/metrics.md', () => {
  it('has a row for every metric, with its type, its labels and who tells it, and no other', () => {
    expect(Object.fromEntries(documented())).toEqual(Object.fromEntries(coded()));
  });

  it('tells of each by the conventions: counters end in _total, durations in _seconds', () => {
    for (const [name, { type }] of coded()) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).toMatch(/^ss_[a-z]+(_[a-z]+)*$/);
    }
  });

  it('lets no label hold an id or a text, but for the names of few tenants', () => {
    const open = [...coded().values()]
      .flatMap(({ labels }) => labels)
      .filter((label) => /id$|job_|key|reason_text|path/.test(label));
    expect([...new Set(open)]).toEqual(['worker_id']);
  });
});
