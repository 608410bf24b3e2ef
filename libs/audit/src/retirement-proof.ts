import type { Tx } from '#database';
import type { KeyObject } from 'node:crypto';
import { isStatementSignedBy } from './checkpoint.js';
import { retirementHash, retirementStatement } from './retirement.js';
import { type RecordedRetirement, Retirements } from './retirements.js';
import { digestsWithout } from './row-digests.js';
import type { Segment } from './segment.js';

/** A record of dropped rows that cannot be believed. */
export interface RetirementFault {
  segmentNo: number;
  detail: string;
}

/** Tells rows that were dropped by policy from rows that are missing: by records of which each one is proven first. */
export class RetirementProof {
  private readonly retirements = new Retirements();
  /** Of each month that was looked at, what is wrong with its record; null: nothing. */
  private readonly looked = new Map<string, RetirementFault | null>();

  constructor(private readonly publicKey: KeyObject | null) {}

  /** The digests of the segment without those of the rows that were dropped by right. */
  async expected(tx: Tx, segment: Segment): Promise<Buffer | RetirementFault> {
    let digests: Buffer | null = segment.rowDigests;
    for (const { month, rowCount, rowDigests } of await this.retirements.listOfSegment(tx, segment.segmentNo)) {
      if (!this.looked.has(month)) await this.look(tx);
      const fault = this.looked.get(month);
      if (fault) return { ...fault, segmentNo: segment.segmentNo };
      const gone = rowDigests ?? segment.rowDigests;
      digests = rowDigests || rowCount === segment.rowCount ? digestsWithout(digests, gone) : null;
      if (digests === null) {
        const detail = `The record of ${month}, which was dropped, names rows that are none of this segment.`;
        return { segmentNo: segment.segmentNo, detail };
      }
    }
    return digests;
  }

  /** The first record that cannot be believed and speaks of one of these segments, rows missing or not. */
  async firstFault(tx: Tx, from: number, to: number): Promise<RetirementFault | null> {
    await this.look(tx);
    const faults = [...this.looked.values()].filter((fault) => fault !== null);
    return faults.find(({ segmentNo }) => segmentNo >= from && segmentNo <= to) ?? null;
  }

  private async look(tx: Tx): Promise<void> {
    for (const retirement of await this.retirements.list(tx)) {
      if (this.looked.has(retirement.month)) continue;
      const problem = this.problemOf(retirement);
      // A record that names no segment speaks of none in particular: it stands for the first.
      const segmentNo = retirement.parts[0]?.segmentNo ?? 1;
      const detail = problem && `The record of ${retirement.month}, which was dropped, ${problem}`;
      this.looked.set(retirement.month, detail === null ? null : { segmentNo, detail });
    }
  }

  private problemOf(retirement: RecordedRetirement): string | null {
    const hash = retirementHash(retirement);
    const rows = retirement.parts.reduce((sum, part) => sum + part.rowCount, 0);
    if (!hash.equals(retirement.recordSha256) || rows !== retirement.rowCount) return 'is not as it was signed.';
    if (this.publicKey && !isStatementSignedBy(retirementStatement(hash), retirement, this.publicKey)) {
      return 'is not signed by the key.';
    }
    return retirement.isNamed ? null : 'is named by no row of the audit.';
  }
}
