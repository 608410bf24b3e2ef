import type { DuckDBConnection } from '@duckdb/node-api';
import type { CheckSqlTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';
import type { SqlCheck } from '../step-request.js';
import { ChildFailure } from './child-failure.js';
import { quoteName, withDuck } from './duck.js';
import { refuseOtherThanSelect, sqlFailed } from './one-select.js';

/**
 * Binds queries one after the other. Each that binds becomes a view, which is how the next one finds its columns; a
 * view is bound and never run, and the tables are empty in any case. All of it happens with everything else locked away.
 */
export async function checkSql(task: CheckSqlTask, limits: ExecutionLimits): Promise<SqlCheck[]> {
  return withDuck(limits, 'locked', async (connection) => {
    for (const { name, columns } of task.tables) {
      const list = columns.map((column) => `${quoteName(column.name)} ${column.type}`).join(', ');
      await connection.run(`CREATE TABLE ${quoteName(name)} (${list})`);
    }
    const checks: SqlCheck[] = [];
    for (const { stepId, sql } of task.queries) {
      checks.push({ stepId, fault: await faultOf(connection, stepId, sql) });
    }
    return checks;
  });
}

async function faultOf(
  connection: DuckDBConnection,
  stepId: string,
  sql: string,
): Promise<SqlCheck['fault']> {
  const create = `CREATE VIEW ${quoteName(stepId)} AS\n${sql}`;
  try {
    await refuseOtherThanSelect(connection, sql, create);
    await connection.run(create).catch((error: unknown) => {
      throw sqlFailed(error);
    });
    return null;
  } catch (error) {
    if (error instanceof ChildFailure) return { code: error.code, message: error.message };
    throw error;
  }
}
