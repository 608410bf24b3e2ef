import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OUTGREW, parseAnswer, type ChildTask } from './child-protocol.js';
import { childEntry, runChild, type ChildEnd } from './child-run.js';
import type { ExecutionLimits } from './execution-limits.js';
import { StepAborted, StepFailed } from './step-failed.js';

export interface StepProcessOptions {
  limits: ExecutionLimits;
  /** PATH for the child and the programs of profiles. */
  path: string;
}

export interface StepBounds {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** Carries out tasks, each in a process and a fresh folder of its own. */
export class StepProcess {
  constructor(private readonly options: StepProcessOptions) {}

  /** Runs the task in `folder`, and turns every end but a good one into a refusal with a code. */
  async run(task: ChildTask, folder: string, bounds: StepBounds): Promise<unknown> {
    if (bounds.signal?.aborted) throw new StepAborted();
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const { limits, path } = this.options;
    const end = await runChild(
      { task, limits },
      { ...bounds, entry: childEntry(), folder, path, heapMb: limits.heapMb },
    );
    return resultOf(end, bounds.timeoutMs);
  }
}

export function workFolder(workspace: string, name: string): string {
  return join(workspace, 'work', name);
}

function resultOf(end: ChildEnd, timeoutMs: number): unknown {
  switch (end.kind) {
    case 'answered': {
      const answer = parseAnswer(end.text);
      if (answer === null) throw processDied('its answer was broken');
      if (!answer.ok) throw new StepFailed(answer.code, answer.message);
      return answer.result;
    }
    case 'timed_out':
      throw new StepFailed('STEP_TIMED_OUT', `The step was ended after ${String(timeoutMs / 1000)} seconds.`);
    case 'aborted':
      throw new StepAborted();
    case 'died':
      throw causeOfDeath(end);
    default:
      return end satisfies never;
  }
}

function causeOfDeath({ exitCode, signal, stderrTail }: ChildEnd & { kind: 'died' }): StepFailed {
  if (stderrTail.includes(OUTGREW.disk)) {
    return new StepFailed('RESULT_TOO_LARGE', 'The step wrote more bytes into its folder than it may.');
  }
  const isOutOfMemory = [OUTGREW.memory, 'heap out of memory', 'bad_alloc'].some((word) =>
    stderrTail.includes(word),
  );
  if (isOutOfMemory) {
    return new StepFailed('STEP_OUT_OF_MEMORY', 'The step needed more memory than it may.');
  }
  return processDied(signal === null ? `it ended with code ${String(exitCode)}` : `${signal} ended it`);
}

function processDied(how: string): StepFailed {
  return new StepFailed('STEP_PROCESS_DIED', `The step's process ended without an answer: ${how}.`);
}
