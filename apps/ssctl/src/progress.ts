const BAR_CELLS = 24;
const PERIOD_MS = 200;

/** A line on the terminal that says how far a long command is. Where nobody watches, it says nothing. */
export class Progress {
  private done = 0;
  private readonly counts: Record<string, number> = {};
  private total: number | null = null;
  private readonly begun = performance.now();
  private readonly timer: NodeJS.Timeout | null;

  constructor(private readonly out: NodeJS.WriteStream = process.stderr) {
    this.timer = out.isTTY ? setInterval(this.draw, PERIOD_MS).unref() : null;
  }

  get isWatched(): boolean {
    return this.timer !== null;
  }

  /** How many there will be, once that is known. */
  expect(total: number): void {
    this.total = total;
  }

  add(outcomes: readonly string[]): void {
    this.done += outcomes.length;
    for (const outcome of outcomes) this.counts[outcome] = (this.counts[outcome] ?? 0) + 1;
  }

  end(): void {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.out.write('\r\u001b[2K');
  }

  private readonly draw = (): void => {
    this.out.write(`\r\u001b[2K${this.line()}`.slice(0, (this.out.columns || 120) + 4));
  };

  /** For people: bar, rate, time left, and how many of each outcome. */
  line(): string {
    const seconds = (performance.now() - this.begun) / 1_000;
    const rate = seconds > 0 ? this.done / seconds : 0;
    const counts = Object.entries(this.counts).map(([outcome, count]) => `${outcome} ${String(count)}`);
    const parts = [`${String(this.done)} files`, `${rate.toFixed(0)}/s`, ...counts];
    if (this.total === null) return parts.join('  ');
    const share = this.total === 0 ? 1 : Math.min(1, this.done / this.total);
    const filled = Math.round(share * BAR_CELLS);
    const left = rate > 0 ? Math.ceil((this.total - this.done) / rate) : null;
    const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${(share * 100).toFixed(0)} %`;
    return [bar, left === null ? 'ETA ?' : `ETA ${String(Math.max(0, left))} s`, ...parts].join('  ');
  }
}
