/** One thing that a program cannot do its work without. */
export interface DependencyCheck {
  name: string;
  /** Returns when it is fine. What it throws when it is not: see `toldOf`, which says what of it becomes known. */
  check(): Promise<void>;
  /** What to tell beside its being fine. */
  details?: () => Readonly<Record<string, unknown>>;
}
