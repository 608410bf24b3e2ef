import type { ChildTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';

/** Carries out a task. Each runner is loaded only when it is needed: loading is most of a small step's time. */
export async function carryOut(task: ChildTask, limits: ExecutionLimits): Promise<unknown> {
  switch (task.kind) {
    case 'sql':
      return (await import('./run-sql.js')).runSql(task, limits);
    case 'chart':
      return (await import('./run-chart.js')).runChart(task, limits);
    case 'command':
      return (await import('./run-command.js')).runCommand(task, limits);
    case 'inspect':
      return (await import('./inspect-dataset.js')).inspectDataset(task, limits);
    case 'check_sql':
      return (await import('./check-sql.js')).checkSql(task, limits);
    default:
      return task satisfies never;
  }
}
