import type { Database, Scope, Subscription } from '#database';
import type { Logger, LogLevel, LogThreshold } from '#observability';
import { type HoldingLevel, LOG_LEVEL_CHANNEL, LogLevels } from './log-levels.js';

export interface Following {
  database: Database;
  scope: Scope;
  /** What this program answers to; the first goes before the others. */
  targets: readonly string[];
  threshold: LogThreshold;
  logger: Logger;
  /** For notifications that get lost. */
  pollMs?: number;
}

const POLL_MS = 10_000;
/** When a level has ended, the database is asked what holds now; without an answer for so long, what is configured. */
const ANSWER_MS = 1_000;
/** A longer timer would fire at once. A level is asked for again long before. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Keeps the level of a program's log as an operator set it in the database, for as long as it holds; else as it was
 * configured. A level ends by itself, also while the database is away.
 */
export class LogLevelFollower {
  private readonly levels = new LogLevels();
  private readonly configured: LogLevel;
  private subscription: Subscription | null = null;
  private timer: NodeJS.Timeout | undefined;
  private ending: NodeJS.Timeout | undefined;
  private look: Promise<void> = Promise.resolve();
  private endsAtMs = Infinity;
  private isUnknown = false;
  private stopped = false;

  constructor(private readonly following: Following) {
    this.configured = following.threshold.level;
  }

  start(): void {
    // Called at once when the connection is there. Trouble with it needs no word: the next look comes soon.
    const lookAgain = (): void => {
      this.lookAgain();
    };
    this.subscription = this.following.database.listen(LOG_LEVEL_CHANNEL, lookAgain, () => undefined);
    this.lookAgain();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.ending);
    await this.look;
    await this.subscription?.close();
  }

  /** One look after the other: the later one sees what the earlier one saw, or more. */
  private lookAgain(): void {
    clearTimeout(this.timer);
    this.look = this.look.then(() => this.follow());
  }

  private async follow(): Promise<void> {
    if (this.stopped) return;
    const { database, scope, targets, logger, pollMs = POLL_MS } = this.following;
    try {
      this.apply(await database.withoutTenant(scope, (tx) => this.levels.find(tx, targets)));
      this.isUnknown = false;
    } catch (error) {
      if (!this.isUnknown)
        logger.warn({ event: 'SS_LOG_LEVEL_UNKNOWN', err: error }, 'the level of the log is asked again');
      this.isUnknown = true;
    }
    clearTimeout(this.timer);
    const leftMs = this.endsAtMs - performance.now();
    const lookAgain = (): void => {
      this.lookAgain();
    };
    this.timer = setTimeout(lookAgain, leftMs > 0 ? Math.min(pollMs, leftMs + 1) : pollMs).unref();
  }

  private apply(holding: HoldingLevel | null): void {
    const { threshold, logger } = this.following;
    clearTimeout(this.ending);
    this.endsAtMs = holding ? performance.now() + holding.left_ms : Infinity;
    if (holding) {
      const end = (): void => {
        this.apply(null);
      };
      this.ending = setTimeout(end, Math.min(holding.left_ms + ANSWER_MS, MAX_TIMER_MS)).unref();
    }
    const level = holding?.level ?? this.configured;
    if (level === threshold.level) return;
    const say = (): void => {
      const facts = { log_level: level, ends_at: holding?.ends_at ?? null };
      logger.info({ event: 'SS_LOG_LEVEL_CHANGED', ...facts }, 'another level is logged from now on');
    };
    // Before it grows quiet, or after it has begun to talk: one of the two is heard, where either can be.
    const wasHeard = threshold.lets('info');
    if (wasHeard) say();
    threshold.level = level;
    if (!wasHeard) say();
  }
}
