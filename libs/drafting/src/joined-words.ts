import { isSlipOf } from './edit-distance.js';
import { isTelling, type Word } from './words.js';

/** Neighbouring words of a text, read as one. */
export interface JoinedWord {
  readonly start: number;
  readonly end: number;
}

/** Names of columns with more words than this are found only as they stand. */
const MAX_WORDS = 10;

/**
 * A text's words and runs of neighbouring words, by what they say when written together: a name is found however it is
 * put together (body mass, bodymass, Body-Mass), and by look-up, so that a wide table costs no more than a narrow one.
 */
export class JoinedWords {
  private readonly bySaying = new Map<string, JoinedWord[]>();
  /** What is said, by the number of words and the first letter, which a slip leaves alone. */
  private readonly byBeginning = new Map<string, Set<string>>();

  constructor(words: readonly Word[]) {
    words.forEach((first, index) => {
      let said = '';
      words.slice(index, index + MAX_WORDS).forEach((last, more) => {
        said += last.stem;
        this.add(said, more + 1, { start: first.start, end: last.end });
      });
    });
  }

  /** The places that say exactly this. */
  saying(name: string): readonly JoinedWord[] {
    return this.bySaying.get(name) ?? [];
  }

  /** The places that say nearly this, in one word or in as many as the name has. */
  nearly(name: string, wordCount: number): JoinedWord[] {
    return [...new Set([1, wordCount])]
      .flatMap((count) => [...(this.byBeginning.get(beginning(count, name)) ?? [])])
      .filter((said) => said !== name && isSlipOf(said, name) && isTelling(said))
      .flatMap((said) => this.saying(said));
  }

  private add(said: string, count: number, place: JoinedWord): void {
    const places = this.bySaying.get(said);
    if (places === undefined) this.bySaying.set(said, [place]);
    else places.push(place);
    const key = beginning(count, said);
    const sayings = this.byBeginning.get(key);
    if (sayings === undefined) this.byBeginning.set(key, new Set([said]));
    else sayings.add(said);
  }
}

function beginning(wordCount: number, said: string): string {
  return `${wordCount}${said.charAt(0)}`;
}
