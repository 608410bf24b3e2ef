import { type Document, type MediaType, type Operation, operationsOf, type Schema } from './document.js';
import { breakingShapes, type Direction } from './breaking-shapes.js';

/**
 * What a client that was written for the document before would trip over, in a sentence each; none: it goes on
 * working. `docs/api-versioning.md` says what counts. Refusals are not compared: their form is, as the answer
 * `default`, and codes may come and go.
 */
export function breakingChanges(before: Document, after: Document): string[] {
  const faults: string[] = [];
  for (const [path, method, old] of operationsOf(before.paths)) {
    const at = `${method.toUpperCase()} ${path}`;
    const now = after.paths[path]?.[method];
    if (!now) faults.push(`${at}: the route is gone`);
    else faults.push(...new Comparison(before, after, at).of(old, now));
  }
  return faults;
}

class Comparison {
  private readonly faults: string[] = [];

  constructor(
    private readonly before: Document,
    private readonly after: Document,
    private readonly at: string,
  ) {}

  of(old: Operation, now: Operation): string[] {
    if ((old.security ?? []).length === 0 && (now.security ?? []).length > 0) this.say('asks for a key now');
    this.compareParameters(old, now);
    this.compareRequests(old, now);
    this.compareAnswers(old, now);
    return this.faults;
  }

  private compareParameters(old: Operation, now: Operation): void {
    const nameOf = ({ name, in: place }: { name: string; in: string }): string =>
      `${place} parameter ${name}`;
    const known = new Map((old.parameters ?? []).map((parameter) => [nameOf(parameter), parameter]));
    const taken = new Map((now.parameters ?? []).map((parameter) => [nameOf(parameter), parameter]));
    for (const [name, parameter] of known) {
      const today = taken.get(name);
      if (!today) this.say(`the ${name} is gone`);
      else this.compare('request', parameter.schema, today.schema, `the ${name}`);
    }
    for (const [name, { required }] of taken)
      if (required && !known.get(name)?.required) this.say(`the ${name} is required now`);
  }

  private compareRequests({ requestBody: old }: Operation, { requestBody: now }: Operation): void {
    if (!now) {
      if (old) this.say('takes no body any more');
      return;
    }
    if (now.required === true && old?.required !== true) this.say('a body is required now');
    if (old) this.compareContent('request', old.content, now.content, 'the body');
  }

  private compareAnswers(old: Operation, now: Operation): void {
    for (const [status, answer] of Object.entries(old.responses)) {
      if (!/^(2|default)/.test(status)) continue;
      const today = now.responses[status];
      if (!today) {
        this.say(`is not answered ${status} any more`);
        continue;
      }
      for (const header of Object.keys(answer.headers ?? {}))
        if (!today.headers?.[header]) this.say(`the answer ${status} has no header ${header} any more`);
      this.compareContent('response', answer.content, today.content, `the answer ${status}`);
    }
  }

  private compareContent(
    direction: Direction,
    old: Record<string, MediaType> = {},
    now: Record<string, MediaType> = {},
    what: string,
  ): void {
    for (const [type, { schema }] of Object.entries(old)) {
      if (now[type]) this.compare(direction, schema, now[type].schema, what);
      else this.say(`${what} is not ${type} any more`);
    }
  }

  private compare(
    direction: Direction,
    old: Schema | undefined,
    now: Schema | undefined,
    what: string,
  ): void {
    const documents = { before: this.before, after: this.after };
    for (const fault of breakingShapes(documents, direction, old ?? {}, now ?? {}))
      this.say(`${what}${fault}`);
  }

  private say(fault: string): void {
    this.faults.push(`${this.at}: ${fault}`);
  }
}
