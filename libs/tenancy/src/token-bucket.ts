const SECOND = 1_000;

/** Tokens that come steadily, so many a second, and of which one second's worth is kept for a burst. Full at first. */
export class TokenBucket {
  private tokens: number;

  /** Times are in milliseconds, of a clock that only runs forward. */
  constructor(
    private perSecond: number,
    private filledAt: number,
  ) {
    this.tokens = perSecond;
  }

  /** Takes one, if there is one. */
  tryTake(now: number): boolean {
    this.fill(now);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  giveBack(): void {
    this.tokens = Math.min(this.perSecond, this.tokens + 1);
  }

  /** From now on so many a second. What is there stays, as far as it may be kept. */
  setRate(perSecond: number, now: number): void {
    this.fill(now);
    this.perSecond = perSecond;
    this.tokens = Math.min(perSecond, this.tokens);
  }

  /** Whole tokens. */
  left(now: number): number {
    this.fill(now);
    return Math.floor(this.tokens);
  }

  private fill(now: number): void {
    this.tokens = Math.min(this.perSecond, this.tokens + ((now - this.filledAt) / SECOND) * this.perSecond);
    this.filledAt = now;
  }
}
