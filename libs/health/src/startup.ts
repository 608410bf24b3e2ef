import { Injectable } from '@nestjs/common';

/** The way in: over once the program does its work, and never again while the process lives. */
@Injectable()
export class Startup {
  private complete = false;

  get isComplete(): boolean {
    return this.complete;
  }

  /** Everything is open and answers; what fails from here on is for readiness. */
  setComplete(): void {
    this.complete = true;
  }
}
