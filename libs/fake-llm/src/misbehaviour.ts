/** What the server does with a request; everything but `answer` is a way in which real providers fail. */
export const BEHAVIOURS = [
  'answer',
  /** Says nothing, ever. */
  'hang',
  /** Reads the request and resets the connection. */
  'reset',
  /** Ends the connection in the middle of the body. */
  'half',
  'retry_after_1',
  'retry_after_86400',
  'retry_after_date',
  'error_400',
  'error_500',
  'error_529',
  /** 200 with a body that is no JSON. */
  'broken_body',
  /** A proper body whose answer is no JSON. */
  'broken_answer',
  /** A proper body whose answer is JSON of another shape. */
  'other_shape',
  /** The right answer, after `lateMs`. */
  'late',
  /** The right answer, drop by drop over `slowMs`. */
  'slow',
  /** An answer of 10 MB. */
  'ten_megabytes',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export function isBehaviour(text: unknown): text is Behaviour {
  return (BEHAVIOURS as readonly unknown[]).includes(text);
}

/** Half of all requests are answered, the others meet something: the same for the same seed and number. */
export function seededBehaviour(seed: number, n: number): Behaviour {
  const random = mulberry32(seed * 2_654_435_761 + n * 40_503);
  if (random() < 0.5) return 'answer';
  return BEHAVIOURS[Math.floor(random() * BEHAVIOURS.length)] ?? 'answer';
}

/** A small generator of numbers from 0 to 1 that a seed decides (mulberry32). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
