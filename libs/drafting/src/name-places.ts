import type { Column } from './column.js';
import type { JoinedWords } from './joined-words.js';
import {
  isBorderless,
  isFunctionWord,
  isTelling,
  isWholeWord,
  singular,
  withoutUnits,
  wordsOf,
  type Word,
} from './words.js';

/** How well a place of the text names a column: the stronger claim to a place wins. */
export const STRENGTH = {
  quoted: 6,
  exact: 5,
  sameWords: 4,
  withoutUnits: 3,
  scattered: 2,
  slip: 1.5,
  oneWord: 1,
} as const;

/** A place of the text that may name a column. */
export interface NamePlace {
  readonly column: Column;
  readonly start: number;
  readonly end: number;
  readonly strength: number;
}

/** A text, split once for all columns. */
export interface ReadText {
  readonly text: string;
  readonly words: readonly Word[];
  readonly joined: JoinedWords;
}

const OPENING = '"\'`“‘«‹「『[';
const CLOSING = '"\'`”’»›」』]';

/** Every place of the text that may name the column. */
export function placesOf(column: Column, { text, words, joined }: ReadText): NamePlace[] {
  const place = (start: number, end: number, strength: number): NamePlace => ({
    column,
    start,
    end,
    strength,
  });
  const all = wordsOf(column.name).map(singular);
  const core = withoutUnits(wordsOf(column.name)).map(singular);
  const places: NamePlace[] = exactPlaces(column.name.normalize('NFKC'), text, place);
  if (core.length === 0) return places;
  for (const [spelled, strength] of [
    [all, STRENGTH.sameWords],
    [core, STRENGTH.withoutUnits],
  ] as const) {
    places.push(...joinedPlaces(spelled, joined, strength, place));
  }
  if (isBorderless(core.join('')))
    places.push(...substringPlaces(core.join(''), text, STRENGTH.withoutUnits, place));
  if (core.length > 1) {
    places.push(...scatteredPlaces(core, words, place), ...singleWordPlaces(core, words, place));
  }
  return places;
}

type MakePlace = (start: number, end: number, strength: number) => NamePlace;

/** The name as it stands. A name such as "a" or "in" counts in quotes only. */
function exactPlaces(name: string, text: string, place: MakePlace): NamePlace[] {
  return substringPlaces(name, text, STRENGTH.exact, place).flatMap((found) => {
    const { start, end } = found;
    const opening = start === 0 ? -1 : OPENING.indexOf(text.charAt(start - 1));
    if (opening >= 0 && text.charAt(end) === CLOSING.charAt(opening))
      return [place(start, end, STRENGTH.quoted)];
    return isFunctionWord(name.toLowerCase()) ? [] : [found];
  });
}

function substringPlaces(name: string, text: string, strength: number, place: MakePlace): NamePlace[] {
  const places: NamePlace[] = [];
  if (name.trim() === '') return places;
  for (let start = text.indexOf(name); start >= 0; start = text.indexOf(name, start + name.length)) {
    const end = start + name.length;
    if (isWholeWord(text, start, end)) places.push(place(start, end, strength));
  }
  return places;
}

/** Neighbouring words that say the name, or nearly so. */
function joinedPlaces(
  spelled: readonly string[],
  joined: JoinedWords,
  strength: number,
  place: MakePlace,
): NamePlace[] {
  const name = spelled.join('');
  if (name === '' || isFunctionWord(name)) return [];
  return [
    ...joined.saying(name).map(({ start, end }) => place(start, end, strength)),
    ...joined.nearly(name, spelled.length).map(({ start, end }) => place(start, end, STRENGTH.slip)),
  ];
}

/** All words of the name close together, in any order: the length of the bill. The first such place is enough. */
function scatteredPlaces(core: readonly string[], words: readonly Word[], place: MakePlace): NamePlace[] {
  const reach = core.length + 3;
  for (const [first, word] of words.entries()) {
    if (!core.includes(word.stem)) continue;
    const near = words.slice(first, first + reach);
    const hits = core.map((part) => near.findIndex(({ stem }) => stem === part));
    const last = near[Math.max(...hits)];
    if (!hits.includes(-1) && last !== undefined) return [place(word.start, last.end, STRENGTH.scattered)];
  }
  return [];
}

/** One telling word of the name: mass for body_mass_g. Whether other columns have that word is asked later. */
function singleWordPlaces(core: readonly string[], words: readonly Word[], place: MakePlace): NamePlace[] {
  return [...new Set(core.filter(isTelling))].flatMap((part) => {
    const word = words.find(({ stem }) => stem === part);
    return word === undefined ? [] : [place(word.start, word.end, STRENGTH.oneWord)];
  });
}
