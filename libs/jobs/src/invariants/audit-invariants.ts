import { type Invariant, isOfThisLife } from './invariant.js';

/** Rows about a job that are no change of it have no version. */
const OF_JOBS = `resource_type = 'job' AND version IS NOT NULL`;

/** Each row with the number of the life that it tells of: the id of a job that was deleted may be given again. */
const IN_LIVES = `
  SELECT *, count(*) FILTER (WHERE action = 'job.deleted') OVER (
    PARTITION BY tenant_id, resource_id ORDER BY event_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS life
  FROM audit_event
  WHERE ${OF_JOBS}`;

/** Two rows for one version are I6's to tell. */
const FIRST_OF_VERSION = `
  SELECT DISTINCT ON (tenant_id, resource_id, life, version) *
  FROM (${IN_LIVES}) AS in_lives
  ORDER BY tenant_id, resource_id, life, version, event_id`;

const TAMPERED =
  'Someone went around the triggers of the table job, or changed the audit as its owner. Find out who had the ' +
  'owner’s or a superuser’s login at that time; do not mend the rows, write an audit row that explains them.';

/** What the audit must be, in itself and against the jobs. */
export const auditInvariants = [
  {
    id: 'I2',
    says: 'Every move in the audit is one that the table job_move knows, under its name.',
    sql: `
      SELECT tenant_id, resource_id AS job_id, version, action, from_status, to_status
      FROM audit_event
      WHERE ${OF_JOBS} AND NOT CASE
        WHEN from_status IS NULL AND action = 'job.migrated' THEN to_status IS NOT NULL
        WHEN to_status IS NULL THEN action = 'job.deleted' AND from_status IN ('succeeded', 'failed', 'cancelled')
        WHEN from_status = to_status THEN NOT EXISTS (
          SELECT FROM job_move WHERE job_move.action = audit_event.action
        )
        ELSE EXISTS (
          SELECT FROM job_move
          WHERE job_move.from_status IS NOT DISTINCT FROM audit_event.from_status
            AND job_move.to_status = audit_event.to_status AND job_move.action = audit_event.action
        )
      END`,
    remedy: TAMPERED,
  },
  {
    id: 'I3',
    says: 'The history of a job is a chain: each row begins where the one before it ended, in the order of writing.',
    sql: `
      SELECT tenant_id, resource_id AS job_id, linked.version, before_status, from_status
      FROM (
        SELECT *, lag(version) OVER history AS before_version, lag(to_status) OVER history AS before_status,
          lag(event_id) OVER history AS before_event
        FROM (${FIRST_OF_VERSION}) AS first_of_version
        WINDOW history AS (PARTITION BY tenant_id, resource_id, life ORDER BY version)
      ) AS linked
      WHERE CASE
        WHEN before_version IS NULL THEN from_status IS NOT NULL AND EXISTS (
          SELECT FROM job, kept
          WHERE job.tenant_id = linked.tenant_id AND job.job_id = linked.resource_id AND job.created_at >= kept.since
        ) AND ${isOfThisLife('linked')}
        WHEN before_version = linked.version - 1 THEN
          from_status IS DISTINCT FROM before_status OR event_id < before_event
        ELSE event_id < before_event
      END`,
    remedy: TAMPERED,
  },
  {
    id: 'I4',
    says: 'The versions in the history of a job have no gap.',
    sql: `
      SELECT tenant_id, resource_id AS job_id, version, before_version
      FROM (
        SELECT *, lag(version) OVER (PARTITION BY tenant_id, resource_id, life ORDER BY version) AS before_version
        FROM (${FIRST_OF_VERSION}) AS first_of_version
      ) AS counted
      WHERE version > before_version + 1 OR (before_version IS NULL AND action = 'job.created' AND version <> 1)`,
    remedy: TAMPERED,
  },
  {
    id: 'I5',
    says: 'The last audit row of a job has its status and version, and every job and every history has the other.',
    sql: `
      SELECT coalesce(job.tenant_id, head.tenant_id) AS tenant_id, coalesce(job.job_id, head.resource_id) AS job_id,
        job.status, job.version, head.to_status AS audit_status, head.version AS audit_version
      FROM job
      FULL JOIN (
        SELECT DISTINCT ON (tenant_id, resource_id) tenant_id, resource_id, to_status, version
        FROM (${IN_LIVES}) AS in_lives
        ORDER BY tenant_id, resource_id, life DESC, version DESC, event_id DESC
      ) AS head ON head.tenant_id = job.tenant_id AND head.resource_id = job.job_id
      CROSS JOIN kept
      WHERE CASE
        WHEN head.resource_id IS NULL THEN job.updated_at >= kept.since
        -- The last that is told of the id is that its job was deleted.
        WHEN head.to_status IS NULL THEN job.job_id IS NOT NULL
        ELSE (head.to_status, head.version) IS DISTINCT FROM (job.status, job.version)
      END`,
    remedy: TAMPERED,
  },
  {
    id: 'I6',
    says: 'One audit row for each change of a job.',
    sql: `
      SELECT tenant_id, resource_id AS job_id, version, count(*) AS rows
      FROM (${IN_LIVES}) AS in_lives
      GROUP BY tenant_id, resource_id, life, version
      HAVING count(*) > 1`,
    remedy: TAMPERED,
  },
] as const satisfies readonly Invariant[];
