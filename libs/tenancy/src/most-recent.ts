/** Remembers what was used last, so many of them: with one more, the one that was not used for longest is forgotten. */
export class MostRecent<Value> {
  /** Least lately used first. */
  private readonly values = new Map<string, Value>();

  constructor(private readonly max: number) {}

  get(key: string): Value | undefined {
    return this.values.get(key);
  }

  /** Remembers the value as the one that was used last. */
  use(key: string, value: Value): void {
    this.values.delete(key);
    this.values.set(key, value);
    if (this.values.size <= this.max) return;
    for (const longestAway of this.values.keys()) {
      this.values.delete(longestAway);
      return;
    }
  }

  forget(key: string): void {
    this.values.delete(key);
  }

  get size(): number {
    return this.values.size;
  }
}
