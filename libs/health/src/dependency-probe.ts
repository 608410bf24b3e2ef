import { setTimeout as sleep } from 'node:timers/promises';
import type { DependencyCheck } from './dependency-check.js';
import { type HealthCause, toldOf } from './health-cause.js';

/** What one look at a dependency found. */
export interface Finding {
  cause: HealthCause | null;
  /** A sentence for operators; null when all is well. */
  message: string | null;
  latencyMs: number;
  /** When the look began. */
  checkedAt: string;
  details: Readonly<Record<string, unknown>>;
  /** What was thrown; for the log, never for an answer. */
  error: unknown;
}

/** A slow dependency must not hold a probe longer than orchestrators wait. */
export const CHECK_BOUND_MS = 2_000;
/** So long an answer is given again: a storm of probes is one look a second. */
export const CHECK_CACHE_MS = 1_000;

/**
 * Looks at one dependency for everybody who asks: one look at a time, its finding kept for a moment, and no answer later
 * than the bound. A look that hangs is not given company: until it ends, everybody is told at once that it hangs.
 */
export class DependencyProbe {
  private answer: Promise<Finding> | null = null;
  private isLooking = false;
  private freshUntil = 0;

  constructor(
    private readonly dependency: DependencyCheck,
    private readonly onFinding: (name: string, finding: Finding) => void = () => undefined,
    private readonly boundMs = CHECK_BOUND_MS,
    private readonly cacheMs = CHECK_CACHE_MS,
  ) {}

  get name(): string {
    return this.dependency.name;
  }

  async ask(): Promise<Finding> {
    const isFresh = this.isLooking || performance.now() < this.freshUntil;
    if (this.answer && isFresh) return this.answer;
    this.answer = this.look();
    return this.answer;
  }

  private async look(): Promise<Finding> {
    this.isLooking = true;
    const checkedAt = new Date().toISOString();
    const begun = performance.now();
    const latencyMs = (): number => Math.round((performance.now() - begun) * 10) / 10;
    const ended = new AbortController();
    const found = this.find()
      .then((outcome): Finding => ({ ...NOTHING, ...outcome, latencyMs: latencyMs(), checkedAt }))
      .finally(() => {
        this.isLooking = false;
        this.freshUntil = performance.now() + this.cacheMs;
        ended.abort();
      });
    const message = `no answer within ${this.boundMs} ms`;
    const late = sleep(this.boundMs, undefined, { signal: ended.signal, ref: false }).then(
      (): Finding => ({ ...NOTHING, cause: 'timed_out', message, latencyMs: latencyMs(), checkedAt }),
      () => found,
    );
    const finding = await Promise.race([found, late]);
    this.onFinding(this.name, finding);
    return finding;
  }

  private async find(): Promise<Partial<Finding>> {
    try {
      await this.dependency.check();
      return { details: this.dependency.details?.() ?? {} };
    } catch (error) {
      return { ...toldOf(error), error };
    }
  }
}

const NOTHING = { cause: null, message: null, details: {}, error: null };
