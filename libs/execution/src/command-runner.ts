import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandStep } from '#plans';
import type { CommandEnd, CommandTask } from './child-protocol.js';
import { findRefusedArg, type CommandProfile, type CommandProfiles } from './command-profiles.js';
import type { ExecutionLimits } from './execution-limits.js';
import { fileNameFor } from './file-names.js';
import { PrintedTail } from './printed-tail.js';
import { keepExisting, takeOutputs } from './produced-files.js';
import { StepFailed } from './step-failed.js';
import { workFolder, type StepProcess } from './step-process.js';
import type { PrintedLines, ProducedFile, StepOutcome, StepRequest } from './step-request.js';

export interface CommandRunnerOptions {
  profiles: CommandProfiles;
  /** What profiles may pass on to their programs by name. */
  environment: Readonly<Record<string, string | undefined>>;
  path: string;
  limits: ExecutionLimits;
}

const STDERR_LINES = 10;

/** Runs the operator's programs, and keeps their logs whatever becomes of them. */
export class CommandRunner {
  constructor(
    private readonly process: StepProcess,
    private readonly options: CommandRunnerOptions,
  ) {}

  async run(step: CommandStep, request: StepRequest): Promise<StepOutcome> {
    const profile = this.allow(step);
    const name = fileNameFor(step.step_id);
    const { workspace } = request;
    const folder = workFolder(workspace, name);
    await mkdir(join(workspace, 'logs'), { recursive: true });
    const logs = (['stdout', 'stderr'] as const).map((stream) => ({
      relPath: `logs/${name}.${stream}.txt`,
      kind: `log.${stream}`,
      contentType: 'text/plain',
    }));
    const timeoutMs = Math.min(request.timeoutMs, (profile.timeout_seconds ?? Infinity) * 1000);
    try {
      const task = this.task(step, profile, request, folder, name);
      const { signal, onPrinted } = request;
      const run = (): Promise<unknown> => this.process.run(task, folder, { timeoutMs, signal });
      const result = await (onPrinted ? tellingPrinted(task, onPrinted, run) : run());
      // What `runCommand` of the child returns.
      const end = result as CommandEnd;
      if (end.exitCode !== 0) throw commandFailed(end, [workspace]);
      const outputs = await takeOutputs(join(folder, 'outputs'), workspace, name, this.options.limits);
      return { files: [...outputs, ...(await keepExisting(workspace, logs))], summary: { exitCode: 0 } };
    } catch (error) {
      throw error instanceof StepFailed ? withFiles(error, await keepExisting(workspace, logs)) : error;
    }
  }

  private allow({ params }: CommandStep): CommandProfile {
    const { profiles } = this.options;
    const profile = Object.hasOwn(profiles, params.profile) ? profiles[params.profile] : undefined;
    if (profile === undefined) {
      throw new StepFailed(
        'COMMAND_PROFILE_UNKNOWN',
        `There is no command profile "${params.profile}" here.`,
      );
    }
    const refused = findRefusedArg(profile, params.args);
    if (refused !== null) {
      const which = `argument ${String(refused + 1)}`;
      throw new StepFailed('COMMAND_ARGS_REFUSED', `Profile "${params.profile}" does not allow ${which}.`);
    }
    return profile;
  }

  private task(
    step: CommandStep,
    profile: CommandProfile,
    { datasets, tables, workspace, traceVariables }: StepRequest,
    folder: string,
    name: string,
  ): CommandTask {
    const { environment, path, limits } = this.options;
    const passed = (profile.pass_env ?? []).flatMap((variable) => {
      const value = environment[variable];
      return value === undefined ? [] : [[variable, value] as const];
    });
    return {
      kind: 'command',
      command: profile.command,
      args: [...(profile.fixed_args ?? []), ...step.params.args],
      env: {
        PATH: path,
        LANG: 'C.UTF-8',
        TZ: 'UTC',
        HOME: folder,
        ...traceVariables,
        ...Object.fromEntries(passed),
        ...profile.env,
      },
      datasets,
      tables,
      stdoutPath: join(workspace, 'logs', `${name}.stdout.txt`),
      stderrPath: join(workspace, 'logs', `${name}.stderr.txt`),
      maxLogBytes: profile.max_output_bytes ?? limits.logBytes,
    };
  }
}

async function tellingPrinted<T>(
  { stdoutPath, stderrPath }: CommandTask,
  onPrinted: (printed: PrintedLines) => void,
  work: () => Promise<T>,
): Promise<T> {
  const tail = new PrintedTail({ stdout: stdoutPath, stderr: stderrPath }, onPrinted);
  tail.start();
  try {
    return await work();
  } finally {
    await tail.stop();
  }
}

function commandFailed({ exitCode, signal, stderrTail }: CommandEnd, hidden: readonly string[]): StepFailed {
  const how = exitCode === null ? `was ended by ${String(signal)}` : `ended with code ${String(exitCode)}`;
  let tail = stderrTail.trimEnd().split('\n').slice(-STDERR_LINES).join('\n').replaceAll('\0', '\ufffd');
  for (const path of hidden) tail = tail.replaceAll(path, '.');
  const message = `The program ${how}${tail === '' ? '.' : `: ${tail.toWellFormed()}`}`;
  return new StepFailed('COMMAND_FAILED', message, [], { exit_code: exitCode, signal });
}

function withFiles(error: StepFailed, files: readonly ProducedFile[]): StepFailed {
  return new StepFailed(error.failure, error.message, files, error.facts, { cause: error });
}
