import { appendFileSync, writeFileSync } from 'node:fs';

/** What is known of a call once it is over. `unknown`: it may have happened or not. `unreached`: it did not. */
export type Verdict = 'acknowledged' | 'refused' | 'unknown' | 'unreached';

/** What a job was when it was answered. */
export interface SeenJob {
  job_id: string;
  version: number;
  status: string;
}

/** One call of the load and its answer. */
export interface Call {
  seq: number;
  at: string;
  ms: number;
  tenant_id: string;
  operation: string;
  job_id: string | null;
  idempotency_key: string | null;
  verdict: Verdict;
  /** null: there was no answer. */
  status: number | null;
  code: string | null;
  job: SeenJob | null;
}

/**
 * What callers were told: kept outside of the database, because a database that forgets would forget this too. Each line
 * is written before the caller goes on.
 */
export class CallLog {
  private readonly calls: Call[] = [];
  private seq = 0;

  constructor(readonly file: string) {
    writeFileSync(file, '');
  }

  write(call: Omit<Call, 'seq'>): Call {
    this.seq += 1;
    const written = { seq: this.seq, ...call };
    appendFileSync(this.file, `${JSON.stringify(written)}\n`);
    this.calls.push(written);
    return written;
  }

  get length(): number {
    return this.calls.length;
  }

  since(start: number): readonly Call[] {
    return this.calls.slice(start);
  }
}
