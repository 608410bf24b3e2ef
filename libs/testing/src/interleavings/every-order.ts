import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from '../test-database.js';
import type { SessionParts, SessionUnderTest } from './session-under-test.js';

export type Work = (parts: SessionParts) => Promise<unknown>;

/** One order that was tried: which session went on at each point. */
interface Trace {
  choice: number;
  ready: number[];
}

const SETTLE_MS = 20_000;
const PAUSE_MS = 2;

/**
 * Carries out the works at once, in every order in which their statements and commits can follow each other, each
 * order from a fresh start. As in PostgreSQL's isolation tester a statement that waits for a lock leaves the turn to
 * the others, and goes on when it gets the lock; so orders that locks make impossible are not tried. Answers how many
 * orders there were.
 *
 * The tree of choices is walked breadth first without keeping states, so that with `atMost` the orders that part soonest
 * are tried: each order is repeated from the start up to the
 * last point where another session could have gone on. What two statements do inside of the server at the same instant
 * is not ordered here, nor are the statements of sessions that wait for one lock: PostgreSQL decides who gets it.
 */
export async function everyOrder(
  db: TestDatabase,
  sessions: readonly SessionUnderTest[],
  start: () => Promise<readonly Work[]>,
  finish: (order: string) => Promise<void>,
  atMost = Infinity,
): Promise<number> {
  const open: number[][] = [[]];
  let orders = 0;
  for (let prefix = open.shift(); prefix && orders < atMost; prefix = open.shift()) {
    const works = await start();
    sessions.forEach((session, n) => {
      session.begin(works[n]!);
    });
    const trace = await follow(db, sessions, prefix);
    orders += 1;
    await finish(trace.map(({ choice }) => sessions[choice]!.name).join(' '));
    for (let at = prefix.length; at < trace.length; at++) {
      const before = trace.slice(0, at).map(({ choice }) => choice);
      const { choice, ready } = trace[at]!;
      for (const other of ready) if (other !== choice) open.push([...before, other]);
    }
  }
  return orders;
}

/** Goes the way of the prefix, and from there on with whoever is first. */
async function follow(
  db: TestDatabase,
  sessions: readonly SessionUnderTest[],
  prefix: readonly number[],
): Promise<Trace[]> {
  const trace: Trace[] = [];
  for (;;) {
    await untilStill(db, sessions);
    const ready = sessions.flatMap((session, n) => (session.isReady ? [n] : []));
    const [first] = ready;
    if (first === undefined) return trace;
    const wanted = prefix[trace.length];
    // A deadlock may take another victim than last time; then there is nothing to repeat.
    const choice = wanted !== undefined && ready.includes(wanted) ? wanted : first;
    trace.push({ choice, ready });
    sessions[choice]!.step();
  }
}

/** Resolves when every session is done, stands at its gate, or waits for a lock that another one holds at its gate. */
async function untilStill(db: TestDatabase, sessions: readonly SessionUnderTest[]): Promise<void> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const moving = sessions.filter((session) => !session.isReady && !session.isDone);
    if (moving.length === 0) return;
    const blocked = await db.sql<{ name: string }>(
      `SELECT application_name AS name FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = ANY ($1) AND cardinality(pg_blocking_pids(pid)) > 0`,
      [moving.map(({ applicationName }) => applicationName)],
    );
    const someoneGoesOn = sessions.some((session) => session.isReady);
    if (
      someoneGoesOn &&
      moving.every((session) => blocked.some(({ name }) => name === session.applicationName))
    )
      return;
    if (performance.now() > end) throw new Error('the sessions do not come to a stop');
    await sleep(PAUSE_MS);
  }
}
