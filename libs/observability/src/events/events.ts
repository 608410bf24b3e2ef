import { API_EVENTS } from './api-events.js';
import type { EventKind } from './event.js';
import { EVENT_FIELDS, EVENT_FRAME, EVENT_IDS } from './event-fields.js';
import { LLM_EVENTS } from './llm-events.js';
import { PROGRAM_EVENTS } from './program-events.js';
import { WORKER_EVENTS } from './worker-events.js';

/**
 * Every event of the log, by its code. Operators search for the names and alert on them: a code is never renamed. A test
 * compares with the code that logs, `docs/events.md` lists them.
 */
export const EVENTS = { ...PROGRAM_EVENTS, ...API_EVENTS, ...WORKER_EVENTS, ...LLM_EVENTS };

export type EventCode = keyof typeof EVENTS;

/** What is wrong with a line of the log by this vocabulary; empty when nothing is. */
export function faultsOfLine(line: Readonly<Record<string, unknown>>): string[] {
  const kinds: Readonly<Record<string, EventKind>> = EVENTS;
  const { event, level } = line;
  const kind = typeof event === 'string' && Object.hasOwn(kinds, event) ? kinds[event] : undefined;
  if (!kind) return [`no such event: ${String(event)}`];
  const known = new Set<string>([...Object.keys(EVENT_FRAME), ...Object.keys(EVENT_IDS), ...kind.fields]);
  return [
    ...(kind.levels.some((one) => one === level) ? [] : [`${String(event)} has level ${String(level)}`]),
    ...Object.keys(line)
      .filter((name) => !known.has(name))
      .map((name) => `${String(event)} has a field ${name}`),
  ];
}

const INTRODUCTION = `# Events of the log

Made from the code by \`npm run docs\`; a test fails when the two differ.

Each line on standard output is one JSON object (on a terminal, a line for people: \`SS_LOG_FORMAT\`). Search by \`event\`: a code
never changes its meaning. ERROR and FATAL wake a person, WARN is healing itself, INFO is a fact of business; a refusal is
INFO. A healthy stretch has neither ERROR nor WARN. No line holds a secret, free text of a client or an operator, a prompt, or rows
of data.
`;

/** The text of `docs/events.md`. */
export function renderEvents(): string {
  const rows = (fields: Readonly<Record<string, string>>): string[] =>
    Object.entries(fields).map(([name, means]) => `| \`${name}\` | ${means} |`);
  const events = Object.entries<EventKind>(EVENTS).map(([code, { levels, means, fields }]) => {
    const names = fields.map((name) => `\`${name}\``).join(', ');
    return `| \`${code}\` | ${levels.map((level) => level.toUpperCase()).join(', ')} | ${means} | ${names} |`;
  });
  return [
    INTRODUCTION,
    '## Events\n',
    '| event | level | means | fields |\n|---|---|---|---|',
    ...events,
    '\n## Fields\n',
    'In every line:\n',
    '| field | means |\n|---|---|',
    ...rows(EVENT_FRAME),
    '\nIn every line to which they apply:\n',
    '| field | means |\n|---|---|',
    ...rows(EVENT_IDS),
    '\nOf single events, always with this meaning:\n',
    '| field | means |\n|---|---|',
    ...rows(EVENT_FIELDS),
    '',
  ].join('\n');
}
