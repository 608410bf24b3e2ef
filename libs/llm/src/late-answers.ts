import type { Clock } from './clock.js';
import type { ModelReply } from './model.js';

interface Follower {
  hangUp: AbortController;
  done: Promise<void>;
}

/** Answers that may still come after their timeout: they were paid for, so they are to be on the books. */
export class LateAnswers {
  private readonly following = new Set<Follower>();

  constructor(
    private readonly clock: Clock,
    private readonly lateMs: number,
    private readonly maxLate: number,
  ) {}

  /** Reads on in the background for a while and has the answer recorded; hangs up when too many are waited for. */
  follow(
    reply: Promise<ModelReply>,
    hangUp: AbortController,
    record: (reply: ModelReply) => Promise<void>,
  ): void {
    if (this.following.size >= this.maxLate) {
      hangUp.abort();
      return;
    }
    const follower: Follower = { hangUp, done: Promise.resolve() };
    this.following.add(follower);
    follower.done = this.wait(reply, hangUp, record).finally(() => {
      this.following.delete(follower);
    });
  }

  /** How many are waited for. */
  get size(): number {
    return this.following.size;
  }

  /** Resolves when none is waited for any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.following].map(({ done }) => done));
  }

  /** Hangs up on all of them. */
  async stop(): Promise<void> {
    for (const { hangUp } of this.following) hangUp.abort();
    await this.settled();
  }

  private async wait(
    reply: Promise<ModelReply>,
    hangUp: AbortController,
    record: (reply: ModelReply) => Promise<void>,
  ): Promise<void> {
    const stop = new AbortController();
    this.clock.sleep(this.lateMs, stop.signal).then(
      () => {
        hangUp.abort();
      },
      () => undefined,
    );
    const late = await reply.catch(() => null);
    stop.abort();
    if (late) await record(late);
  }
}
