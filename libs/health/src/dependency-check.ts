/** One thing that a program cannot do its work without. */
export interface DependencyCheck {
  name: string;
  /** Returns when it is fine, with details if there are any; throws, with a sentence for operators, when it is not. */
  check(): Promise<void> | Promise<Readonly<Record<string, unknown>>>;
}

/** What a program waits for before it calls itself ready. */
export const DEPENDENCY_CHECKS = Symbol('DEPENDENCY_CHECKS');
