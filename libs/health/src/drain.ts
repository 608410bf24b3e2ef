import { Injectable } from '@nestjs/common';

/** Tells the readiness probe that the program is on its way out, before anything is closed. */
@Injectable()
export class Drain {
  private begun = false;

  get hasBegun(): boolean {
    return this.begun;
  }

  begin(): void {
    this.begun = true;
  }
}
