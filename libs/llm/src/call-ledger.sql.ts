/** All calls under a key, the first one first. */
export const EARLIER_CALLS = `
  SELECT call_id, attempt, provider, model, request_sha256, outcome, answer, tokens_in, tokens_out, deadline_at,
    deadline_at < clock_timestamp() AS is_abandoned
  FROM llm_call
  WHERE tenant_id = $1 AND subject_id = $2 AND task_id = $3 AND operation = $4
  ORDER BY attempt`;

/**
 * Takes one call with its estimate from the day's budget and, if there was room, opens the call's row: one statement,
 * and the day is one row, so racing calls pass one after the other. No row: no room. A day's first call makes the row
 * of the day, and the SELECT that feeds it has to keep out one that alone is too much.
 */
export const OPEN_CALL = `
  WITH today AS (
    INSERT INTO llm_budget_day AS spent (tenant_id, day, calls, tokens, cost_micros)
    SELECT $1, (clock_timestamp() AT TIME ZONE 'UTC')::date, 1, $11::bigint, $12::bigint
    WHERE ($13::bigint IS NULL OR 1 <= $13) AND ($14::bigint IS NULL OR $11 <= $14) AND ($15::bigint IS NULL OR $12 <= $15)
    ON CONFLICT ON CONSTRAINT llm_budget_day_pkey DO UPDATE
    SET calls = spent.calls + 1, tokens = spent.tokens + excluded.tokens,
      cost_micros = spent.cost_micros + excluded.cost_micros
    WHERE ($13::bigint IS NULL OR spent.calls + 1 <= $13)
      AND ($14::bigint IS NULL OR spent.tokens + excluded.tokens <= $14)
      AND ($15::bigint IS NULL OR spent.cost_micros + excluded.cost_micros <= $15)
    RETURNING day
  )
  INSERT INTO llm_call (
    tenant_id, call_id, subject_id, task_id, operation, attempt, provider, model, request_sha256, day, deadline_at,
    charged_tokens, charged_cost_micros
  )
  SELECT $1, $2::uuid, $3, $4, $5, $6::integer, $7, $8, $9, today.day,
    clock_timestamp() + $10::bigint * interval '1 millisecond', $11, $12
  FROM today
  RETURNING call_id`;

/**
 * Ends a call that is open ($3 NULL), or that timed out, and corrects its day by what is known better than the
 * estimate. Who comes second finds no row.
 */
export const END_CALL = `
  WITH before AS (
    SELECT call_id, charged_tokens, charged_cost_micros
    FROM llm_call
    WHERE tenant_id = $1 AND call_id = $2 AND outcome IS NOT DISTINCT FROM $3
    FOR UPDATE
  ), ended AS (
    UPDATE llm_call AS call
    SET ended_at = clock_timestamp(), outcome = $4, error_type = coalesce($5, call.error_type), http_status = $6::integer,
      tokens_in = $7::bigint, tokens_out = $8::bigint, cost_micros = $9::bigint,
      charged_tokens = coalesce($10::bigint, call.charged_tokens),
      charged_cost_micros = coalesce($11::bigint, call.charged_cost_micros),
      answer_sha256 = $12, answer = $13
    FROM before
    WHERE call.tenant_id = $1 AND call.call_id = before.call_id
    RETURNING call.day, call.charged_tokens - before.charged_tokens AS more_tokens,
      call.charged_cost_micros - before.charged_cost_micros AS more_cost_micros
  )
  UPDATE llm_budget_day AS spent
  SET tokens = spent.tokens + ended.more_tokens, cost_micros = spent.cost_micros + ended.more_cost_micros
  FROM ended
  WHERE spent.tenant_id = $1 AND spent.day = ended.day
  RETURNING spent.day`;

/** Its maker is gone. */
export const ABANDON_CALL = `
  UPDATE llm_call SET ended_at = clock_timestamp(), outcome = 'unknown'
  WHERE tenant_id = $1 AND call_id = $2 AND ended_at IS NULL AND deadline_at < clock_timestamp()`;

/** The same for all tenants. */
export const CLOSE_ABANDONED = `
  UPDATE llm_call SET ended_at = clock_timestamp(), outcome = 'unknown'
  WHERE ended_at IS NULL AND deadline_at < clock_timestamp()
  RETURNING call_id`;

export const MARK_INVALID = `
  UPDATE llm_call SET outcome = 'invalid' WHERE tenant_id = $1 AND call_id = $2 AND outcome = 'answered'`;

export const FORGET_ANSWERS = `
  UPDATE llm_call SET answer = NULL
  WHERE tenant_id = $1 AND subject_id = $2 AND task_id = $3 AND answer IS NOT NULL`;
