import { dependenciesOf, findCycle } from './execution-order.js';
import { isObject, type Json } from './plain-json.js';
import { quoted, type PlanFaults } from './plan-faults.js';
import type { Step } from './plan.js';

/**
 * Checks what steps say about each other: names once, dependencies that exist, charts of steps with a table, no
 * cycle. `items` are the steps as they were written, so that a step with a fault of its own still counts as named.
 */
export function checkReferences(
  items: readonly Json[],
  steps: readonly (Step | null)[],
  faults: PlanFaults,
  datasetKeys: readonly string[],
): void {
  checkNames(items, faults, datasetKeys);
  const named = new Set(items.map(writtenId).filter((id) => id !== null));
  const byId = new Map(steps.filter((step) => step !== null).map((step) => [step.step_id, step]));
  steps.forEach((step, index) => {
    if (step !== null) checkStep(step, `/steps/${index}`, faults, named, byId);
  });
  checkOrder(steps, byId, faults);
}

/** Compared without case, because tables in DuckDB and files on some systems are. */
function checkNames(items: readonly Json[], faults: PlanFaults, datasetKeys: readonly string[]): void {
  const datasets = new Set(datasetKeys.map((key) => key.toLowerCase()));
  const firstAt = new Map<string, number>();
  items.forEach((item, index) => {
    const id = writtenId(item)?.toLowerCase();
    if (id === undefined) return;
    const first = firstAt.get(id);
    const place = `/steps/${index}/step_id`;
    if (first !== undefined) faults.add(place, `is already the id of step ${first} (case does not count)`);
    else firstAt.set(id, index);
    if (datasets.has(id)) faults.add(place, 'is already the key of a dataset');
  });
}

function writtenId(item: Json): string | null {
  const id = isObject(item) ? item['step_id'] : null;
  return typeof id === 'string' ? id : null;
}

function checkStep(
  step: Step,
  at: string,
  faults: PlanFaults,
  named: ReadonlySet<string>,
  byId: ReadonlyMap<string, Step>,
): void {
  (step.depends_on ?? []).forEach((id, index) => {
    const place = `${at}/depends_on/${index}`;
    if (id === step.step_id) faults.add(place, 'names the step itself');
    else if (!named.has(id)) faults.add(place, `${quoted(id)} is no step of this plan`);
  });
  if (step.type === 'chart') checkDrawn(step.params.step, `${at}/params/step`, faults, named, byId);
}

function checkDrawn(
  id: string,
  place: string,
  faults: PlanFaults,
  named: ReadonlySet<string>,
  byId: ReadonlyMap<string, Step>,
): void {
  if (!named.has(id)) {
    faults.add(place, `${quoted(id)} is no step of this plan`);
    return;
  }
  const drawn = byId.get(id);
  if (drawn !== undefined && drawn.type !== 'sql' && drawn.type !== 'command') {
    faults.add(place, `${quoted(id)} is a ${drawn.type} step; a chart draws an sql or a command step`);
  }
}

/** A step that names itself has been told so already. */
function checkOrder(
  steps: readonly (Step | null)[],
  byId: ReadonlyMap<string, Step>,
  faults: PlanFaults,
): void {
  const dependencies = new Map(
    [...byId.values()].map((step) => [
      step.step_id,
      dependenciesOf(step).filter((id) => id !== step.step_id),
    ]),
  );
  const cycle = findCycle(dependencies);
  if (cycle === null) return;
  const index = steps.findIndex((step) => step?.step_id === cycle[0]);
  const step = steps[index];
  const place = step?.depends_on === undefined ? 'params/step' : 'depends_on';
  faults.add(`/steps/${index}/${place}`, `closes a cycle: ${cycle.join(' → ')}`);
}
