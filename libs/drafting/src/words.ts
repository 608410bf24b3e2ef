/** One word of a text, with its place. */
export interface Word {
  /** In lower case and singular: what is compared. */
  readonly stem: string;
  readonly start: number;
  readonly end: number;
}

/** Scripts that are written without spaces, or that hang particles onto a word: their words have no borders. */
const BORDERLESS =
  '\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Hang}\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}';
const BORDERLESS_CHARACTER = new RegExp(`[${BORDERLESS}]`, 'v');
const WORD_CHARACTER = /[\p{L}\p{M}\p{N}]/v;
const WORD = new RegExp(`[${BORDERLESS}]+|[[\\p{L}\\p{M}\\p{N}]--[${BORDERLESS}]]+`, 'gv');
/** Where camelCase begins a new word. */
const HUMP = /(?<=\p{Ll})(?=\p{Lu})/u;

/** Words that stand in any sentence: a column of such a name must be put in quotes to be meant. */
const FUNCTION_WORDS = new Set(
  (
    'a an the i me my we us our you it its is are was be do does did has have in of on at by to as or and not no per for ' +
    'from with all any each every than that this these those what which how why when where who there if so up'
  ).split(' '),
);

/** Words that say what to do with columns: they do not point at a column of which they are only a part. */
const TASK_WORDS = new Set(
  (
    'compare comparison difference between across among over show draw plot chart graph figure picture table report list ' +
    'analyse analyze analysis mean average median sum total count number rate share ratio minimum maximum min max value ' +
    'group relationship relation correlation regression effect trend month monthly year yearly day daily column row ' +
    'data dataset first last new old high low big small name type use using'
  ).split(' '),
);

/** Units that stand at the end of a column's name and that nobody says: body_mass_g, price_eur. */
const UNITS = new Set(
  (
    'mm cm m km in ft mi mg g kg t lb lbs oz ml l s sec secs ms min mins h hr hrs yr yrs usd eur gbp chf jpy cny pct percent ' +
    'c f k pa hpa kpa w kw kwh v hz khz mhz ghz kb mb gb deg degc degf ppm ppb'
  ).split(' '),
);

export function wordsIn(text: string): Word[] {
  return [...text.matchAll(WORD)].map((match) => ({
    stem: singular(match[0].toLowerCase()),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** The words of a column's name, in lower case: `bodyMass (g)` has body, mass and g. */
export function wordsOf(name: string): string[] {
  return [...name.normalize('NFKC').matchAll(WORD)]
    .flatMap(([part]) => part.split(HUMP))
    .map((word) => word.toLowerCase());
}

/** The same without units at the end, unless nothing would be left. */
export function withoutUnits(words: readonly string[]): string[] {
  const last = words.findLastIndex((word) => !UNITS.has(word));
  return last < 0 ? [...words] : words.slice(0, last + 1);
}

export function isFunctionWord(stem: string): boolean {
  return FUNCTION_WORDS.has(stem);
}

/** Whether one word of a longer name is enough to point at the column. */
export function isTelling(stem: string): boolean {
  const long = stem.length >= 3 || BORDERLESS_CHARACTER.test(stem);
  return long && !FUNCTION_WORDS.has(stem) && !TASK_WORDS.has(stem) && !/^\d+$/.test(stem);
}

/** Whether a name that stands at this place of a text stands there as a word of its own. */
export function isWholeWord(text: string, start: number, end: number): boolean {
  return (
    isBorder(characterBefore(text, start), characterAt(text, start)) &&
    isBorder(characterBefore(text, end), characterAt(text, end))
  );
}

export function isBorderless(text: string): boolean {
  return BORDERLESS_CHARACTER.test(text);
}

/** English plurals only; a wrong guess does no harm, because both sides of a comparison go through here. */
export function singular(word: string): string {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  if (word.length > 3 && /[^sui]s$/.test(word)) return word.slice(0, -1);
  return word;
}

function isBorder(left: string, right: string): boolean {
  if (!isPartOfWord(left) || !isPartOfWord(right)) return true;
  return BORDERLESS_CHARACTER.test(left) || BORDERLESS_CHARACTER.test(right);
}

function isPartOfWord(character: string): boolean {
  return character === '_' || WORD_CHARACTER.test(character);
}

function characterAt(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function characterBefore(text: string, index: number): string {
  const low = text.slice(Math.max(0, index - 1), index);
  const isTail = low >= '\udc00' && low <= '\udfff';
  return isTail ? text.slice(index - 2, index) : low;
}
