import type { Tx } from '#database';
import { countMove } from '../count-moves.js';
import type { Job } from '../job.js';
import { type JobMove, moves } from '../job-moves.js';
import { stampsOf } from '../job-store.js';

/** What is set beside the status: `column = expression`, with `set` for the rows of {@link JobSets.move}. */
interface MoveValues {
  sets?: readonly string[];
  /** One object a job with `job_id`, and the columns that `of` names with their types. */
  rows: readonly Readonly<Record<string, unknown>>[];
  of?: string;
}

/** Moves of many jobs of a tenant, each move one guarded statement: the same rules as for one, and one audit row each. */
export class JobSets {
  /** Moves those that are in a state that the move begins from, and answers them. */
  async move(tx: Tx, tenantId: string, move: JobMove, values: MoveValues): Promise<Job[]> {
    if (values.rows.length === 0) return [];
    const { from, to } = moves[move];
    const { sets = [], rows, of } = values;
    const assignments = [`version = job.version + 1`, `status = '${to}'`, ...stampsOf(to), ...sets];
    const moved = await tx.query<Job>(
      `UPDATE job
       SET ${assignments.join(', ')}
       FROM jsonb_to_recordset($2) AS set (job_id text${of === undefined ? '' : `, ${of}`})
       WHERE job.tenant_id = $1 AND job.job_id = set.job_id AND job.status = ANY ($3) AND job.erased_at IS NULL
       RETURNING job.*`,
      [tenantId, JSON.stringify(rows), from],
    );
    for (const job of moved) countMove(tx, move, job);
    return moved;
  }
}
