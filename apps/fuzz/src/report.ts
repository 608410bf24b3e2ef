import type { Answered, Finding } from './fuzzer.js';

export interface Report {
  seed: number;
  requests: number;
  seconds: number;
  requests_per_second: number;
  slowest_ms: number;
  findings: readonly Finding[];
  /** What a program wrote as an error. */
  complaints: readonly string[];
  /** What is wrong with the deployment after all of it. */
  afterwards: readonly string[];
  routes: Readonly<Record<string, Answered>>;
  totals: { passed: number; failed: number };
}

/** For people: what was found, and how often each route was asked. */
export function* linesOf(report: Report): Generator<string> {
  const { findings, complaints, afterwards, routes } = report;
  for (const { operation, kind, detail, request, times } of findings) {
    yield `FOUND ${operation}: ${kind} (${String(times)} times)`;
    yield `    ${detail}`;
    yield `    ${request}`;
  }
  for (const line of complaints.slice(0, 20)) yield `LOGGED ${line.slice(0, 2_000)}`;
  for (const line of afterwards) yield `AFTERWARDS ${line}`;
  for (const [name, { requests, statuses }] of Object.entries(routes)) {
    const counts = Object.entries(statuses)
      .map(([status, count]) => `${status}: ${String(count)}`)
      .join(', ');
    yield `${name.padEnd(28)} ${String(requests).padStart(6)}  ${counts}`;
  }
}
