import type { Fault } from '#observability';
import { PlanInvalid } from './plan-invalid.js';

/** A hostile plan can hold a fault in every value; an answer with more than this helps nobody. */
const SHOWN = 100;

/** Gathers what is wrong while a plan is read, so that its author hears of everything at once. */
export class PlanFaults {
  private readonly byPointer = new Map<string, Fault>();
  private total = 0;

  /** The first fault of a place is the one that is told: what follows from it would only confuse. */
  add(pointer: string, detail: string): void {
    if (this.byPointer.has(pointer)) return;
    this.total += 1;
    if (this.byPointer.size < SHOWN) this.byPointer.set(pointer, { pointer, detail });
  }

  throwIfAny(): void {
    if (this.total > 0) throw new PlanInvalid([...this.byPointer.values()], this.total);
  }
}

/** The pointer of a member, escaped as RFC 6901 asks. */
export function pointTo(parent: string, member: string | number): string {
  return `${parent}/${shortened(String(member)).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A text from the plan as it may stand in a message: in quotes, without control characters, never long. */
export function quoted(text: string): string {
  return JSON.stringify(shortened(text));
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text;
}
