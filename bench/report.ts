import { cpus, totalmem } from 'node:os';

/** What one benchmark found: medians, with the spread, and the ratios that its bar is about. */
export interface BenchReport {
  bench: string;
  machine: { cpus: number; model: string; memoryGiB: number; node: string };
  settings: Record<string, unknown>;
  results: BenchResult[];
  ratios: { what: string; ours: number; theirs: number; ratio: number }[];
}

export interface BenchResult {
  system: string;
  case: string;
  metric: string;
  unit: string;
  median: number;
  min: number;
  max: number;
  samples: number;
}

export function machine(): BenchReport['machine'] {
  const all = cpus();
  return {
    cpus: all.length,
    model: all[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
  };
}

export function resultOf(
  what: Pick<BenchResult, 'system' | 'case' | 'metric' | 'unit'>,
  samples: readonly number[],
): BenchResult {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return {
    ...what,
    median: round(median ?? 0),
    min: round(sorted[0] ?? 0),
    max: round(sorted.at(-1) ?? 0),
    samples: sorted.length,
  };
}

export function ratioOf(what: string, ours: number, theirs: number): BenchReport['ratios'][number] {
  return { what, ours, theirs, ratio: Math.round((ours / theirs) * 1_000) / 1_000 };
}

/** For people. */
export function linesOf(report: BenchReport): string[] {
  const { cpus: count, model, memoryGiB, node } = report.machine;
  return [
    `${report.bench} on ${count} × ${model}, ${memoryGiB} GiB, Node ${node}`,
    ...report.results.map(
      (result) =>
        `${result.system.padEnd(10)} ${result.case.padEnd(28)} ${String(result.median).padStart(9)} ${result.unit}` +
        `  (${String(result.min)} to ${String(result.max)}, ${String(result.samples)} samples)`,
    ),
    ...report.ratios.map((ratio) => `${ratio.what}: ${(ratio.ratio * 100).toFixed(1)} %`),
  ];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
