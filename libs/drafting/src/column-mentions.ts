import type { Column } from './column.js';
import { JoinedWords } from './joined-words.js';
import { placesOf, STRENGTH, type NamePlace } from './name-places.js';
import { wordsIn } from './words.js';

/** A column that the requirement names. */
export interface Mention {
  readonly column: Column;
  /** Other columns that the same words name as well. */
  readonly alternatives: readonly Column[];
  /** The words of the requirement. */
  readonly words: string;
  /** The words are not the column's name: a slip, or a part of it. */
  readonly isGuess: boolean;
}

/** A person's question is shorter; what a program pastes behind it must not hold up the drafting of others. */
const MAX_CHARACTERS = 5_000;

/**
 * The columns that the requirement names, by name or close to it, in the order in which it names them and each once.
 * Where words name several columns alike, the first of `columns` is taken and the others are its alternatives.
 */
export function findMentions(requirement: string, columns: readonly Column[]): Mention[] {
  const text = requirement.slice(0, MAX_CHARACTERS).normalize('NFKC');
  const words = wordsIn(text);
  const read = { text, words, joined: new JoinedWords(words) };
  const places = columns.flatMap((column) => placesOf(column, read)).sort(strongestFirst);
  const taken: NamePlace[][] = [];
  for (const place of places) {
    const rivals = taken.filter(([best]) => best !== undefined && overlaps(best, place));
    if (rivals.length === 0) taken.push([place]);
    else
      for (const rival of rivals) if (rival[0] !== undefined && isAlike(rival[0], place)) rival.push(place);
  }
  const mentions = taken
    .sort(([a], [b]) => (a?.start ?? 0) - (b?.start ?? 0))
    .flatMap((alike) => toMention(alike, text));
  return onceEach(mentions);
}

/**
 * Quotes before all. Then whole names, the longer place first, so that "bill length" is not taken for a column called
 * bill; then guesses, the better one first. Among equals the sort keeps the order of the columns.
 */
function strongestFirst(a: NamePlace, b: NamePlace): number {
  const [lengthA, lengthB] = [a.end - a.start, b.end - b.start];
  const isNamed = classOf(a) > 0;
  return (
    classOf(b) - classOf(a) ||
    (isNamed ? lengthB - lengthA : 0) ||
    b.strength - a.strength ||
    lengthB - lengthA
  );
}

function classOf({ strength }: NamePlace): number {
  if (strength === STRENGTH.quoted) return 2;
  return strength >= STRENGTH.withoutUnits ? 1 : 0;
}

function overlaps(a: NamePlace, b: NamePlace): boolean {
  return a.start < b.end && b.start < a.end;
}

function isAlike(a: NamePlace, b: NamePlace): boolean {
  return a.start === b.start && a.end === b.end && a.strength === b.strength && a.column !== b.column;
}

function toMention([best, ...others]: readonly NamePlace[], text: string): Mention[] {
  if (best === undefined) return [];
  const isGuess = best.strength <= STRENGTH.slip;
  const alternatives = [...new Set(others.map(({ column }) => column))];
  return [{ column: best.column, alternatives, words: text.slice(best.start, best.end), isGuess }];
}

/** The clearest mention of a column speaks for it: "bill length … bill" asks nothing about the second bill. */
function onceEach(mentions: readonly Mention[]): Mention[] {
  const clear = new Set(mentions.filter((mention) => !isOpen(mention)).map(({ column }) => column));
  const kept = mentions.filter(
    (mention) =>
      !isOpen(mention) || ![mention.column, ...mention.alternatives].some((column) => clear.has(column)),
  );
  return kept.filter(({ column }, index) => kept.findIndex((other) => other.column === column) === index);
}

function isOpen({ alternatives }: Mention): boolean {
  return alternatives.length > 0;
}
