import { faultsOfLine } from '#observability';
import type { Deployment } from '#testing';
import { expect } from '@jest/globals';

/** Longer than any sentence with its ids and a stack: a line like that prints some object of the inside. */
const MAX_LINE_CHARS = 12_000;

/** Every line of every program is a JSON object, requests carry their id, and none of the canaries is anywhere. */
export function expectCleanLog(deployment: Deployment, canaries: readonly string[]): void {
  const lines = deployment.allOutput;
  expect(lines.length).toBeGreaterThan(0);
  for (const canary of canaries) expect(lines.filter((line) => line.includes(canary))).toEqual([]);
  expect(lines.filter((line) => line.length > MAX_LINE_CHARS).map((line) => line.slice(0, 400))).toEqual([]);
  for (const program of deployment.programs) {
    expect([program.name, program.errors]).toEqual([program.name, []]);
    for (const line of program.log) {
      expect(line).toMatchObject({
        level: expect.any(String),
        time: expect.any(String),
        program: program.name,
        event: expect.any(String),
      });
      expect(faultsOfLine(line)).toEqual([]);
      if (line.event === 'SS_API_REQUEST') expect(line['request_id']).toEqual(expect.any(String));
    }
  }
}
