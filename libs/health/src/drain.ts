import { Injectable } from '@nestjs/common';

/** The way out, before anything is closed: first readiness fails, and then, it may be later, new work is refused. */
@Injectable()
export class Drain {
  private begun = false;
  private refusing = false;
  private readonly tellRefusal: (() => void)[] = [];

  /** Readiness fails, and what only waits ends its wait. */
  get hasBegun(): boolean {
    return this.begun;
  }

  /** New work is turned away. */
  get refusesWork(): boolean {
    return this.refusing;
  }

  begin(): void {
    this.begun = true;
  }

  refuseWork(): void {
    this.begin();
    this.refusing = true;
    for (const tell of this.tellRefusal) tell();
  }

  /** Calls `tell` when new work is refused: for what goes on until then, and would never end by itself. */
  onRefusal(tell: () => void): void {
    this.tellRefusal.push(tell);
  }
}
