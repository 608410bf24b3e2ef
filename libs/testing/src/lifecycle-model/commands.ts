import fc from 'fast-check';
import type { Model } from './model.js';
import type { Real } from './real.js';
import * as verbs from './verbs.js';

export type LifecycleCommand = fc.AsyncCommand<Model, Real>;

/** Does it, and then looks whether table and model still agree. */
function command(name: string, verb: verbs.Verb, needsJob = true): LifecycleCommand {
  return {
    check: (model) => !needsJob || model.jobs.length > 0,
    run: async (model, real) => {
      await verb(model, real);
      await real.compare(model);
    },
    toString: () => name,
  };
}

const MAX_JOBS = 4;
const anyJob = fc.nat(MAX_JOBS - 1);
/** Mostly one of the last, which may be open. */
const anyLease = fc.oneof(fc.nat(1), fc.nat(11));
const anyWorker = fc.nat(2);
const seen = fc.constantFrom<verbs.Seen[]>('none', 'none', 'current', 'wrong');
const rarely = fc.nat(9).map((n) => n === 0);
const sometimes = fc.nat(2).map((n) => n === 0);
const settlement = fc.constantFrom(...(Object.keys(verbs.SETTLEMENTS) as (keyof typeof verbs.SETTLEMENTS)[]));

function create(given: Parameters<typeof verbs.create>[0]): LifecycleCommand {
  const said = Object.entries(given)
    .filter(([, is]) => is)
    .map(([name]) => name);
  const made = command(`create(${said.join(', ')})`, verbs.create(given), false);
  return { ...made, check: (model) => model.jobs.length < MAX_JOBS };
}

/** Whatever clients, workers, sweeps and the clock may do; what leads on is tried more often than what is refused. */
export const lifecycleCommands: fc.Arbitrary<LifecycleCommand>[] = [
  fc
    .record({
      plan: fc.boolean(),
      confirm: fc.boolean(),
      hold: sometimes,
      later: sometimes,
      expires: fc.boolean(),
    })
    .map(create),
  fc.constant(create({ plan: true, confirm: true, hold: false, later: false, expires: true })),
  anyJob.map((n) => command(`requestDraft(${String(n)})`, verbs.requestDraft(n))),
  fc.constant(command('makeDraft()', verbs.makeDraft())),
  fc
    .tuple(anyJob, seen, rarely)
    .map(([n, version, hold]) =>
      command(`confirm(${String(n)}, ${version}, hold: ${String(hold)})`, verbs.confirm(n, version, hold)),
    ),
  ...(['enqueue', 'retry', 'retry', 'cancel'] as const).map((verb) =>
    fc
      .tuple(anyJob, seen)
      .map(([n, version]) =>
        command(`${verb}(${String(n)}, ${version})`, verbs.clientMove(verb, n, version)),
      ),
  ),
  ...[1, 2].map(() =>
    fc
      .tuple(anyWorker, fc.integer({ min: 1, max: 3 }))
      .map(([worker, max]) =>
        command(`claim(worker ${String(worker)}, ${String(max)})`, verbs.claim(worker, max)),
      ),
  ),
  anyWorker.map((worker) => command(`beat(worker ${String(worker)})`, verbs.beat(worker))),
  anyWorker.map((worker) => command(`kill(worker ${String(worker)})`, verbs.kill(worker))),
  anyWorker.map((worker) => command(`recover(worker ${String(worker)})`, verbs.recover(worker))),
  ...(['begin', 'end'] as const).map((what) =>
    anyLease.map((n) => command(`${what}Step(lease ${String(n)})`, verbs.step(n, what))),
  ),
  ...[1, 2].map(() =>
    fc
      .tuple(anyLease, settlement, rarely)
      .map(([n, how, forged]) =>
        command(
          `settle(lease ${String(n)}, ${how}${forged ? ', forged' : ''})`,
          verbs.settle(n, how, forged),
        ),
      ),
  ),
  ...(['scheduled_at', 'expires_at'] as const).map((until) =>
    anyJob.map((n) => command(`timePasses(${String(n)}, ${until})`, verbs.pass(n, until))),
  ),
  anyLease.map((n) => command(`leaseRunsOut(${String(n)})`, verbs.runOut(n))),
  fc.constant(command('sweep()', verbs.sweep())),
  anyLease.map((n) => command(`loseRun(lease ${String(n)})`, verbs.lose(n))),
];
