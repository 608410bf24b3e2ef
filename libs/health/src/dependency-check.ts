/** One thing that a program cannot do its work without. */
export interface DependencyCheck {
  name: string;
  /** Returns when it is fine; throws, with a sentence for operators, when it is not. */
  check(): Promise<void>;
  /** What to tell beside its being fine. */
  details?: () => Readonly<Record<string, unknown>>;
}

/** What a program waits for before it calls itself ready. */
export const DEPENDENCY_CHECKS = Symbol('DEPENDENCY_CHECKS');
