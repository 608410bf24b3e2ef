-- The ledger of calls to language models, the day's budget of each tenant, and what a tenant allows its drafter.
-- New tables only; a running release does not notice.

-- One row for each request that went out to a provider, opened before it did. Nothing here knows what a subject is: a
-- job, in practice.
CREATE TABLE llm_call (
  tenant_id text NOT NULL,
  call_id uuid NOT NULL,
  subject_id text NOT NULL,
  task_id text NOT NULL,
  operation text NOT NULL,
  attempt integer NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  request_sha256 text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The day whose budget it is charged to, in UTC.
  day date NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')::date,
  -- Still open after this: whoever made the call is gone.
  deadline_at timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text,
  error_type text,
  http_status integer,
  tokens_in bigint,
  tokens_out bigint,
  -- In micro-units of the currency of the price table. NULL: not known, or no price for the model.
  cost_micros bigint,
  -- What the day's budget holds for this call: an estimate until it is known better.
  charged_tokens bigint NOT NULL,
  charged_cost_micros bigint NOT NULL,
  answer_sha256 text,
  -- Kept until it was used, so that it is not paid for twice; then cleared.
  answer text,
  CONSTRAINT llm_call_pkey PRIMARY KEY (tenant_id, call_id),
  CONSTRAINT llm_call_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT llm_call_attempt_is_made_once UNIQUE (tenant_id, subject_id, task_id, operation, attempt),
  CONSTRAINT llm_call_outcome_is_known CHECK (
    outcome IN (
      'answered', 'invalid', 'timeout', 'late', 'provider_error', 'connection_error', 'aborted', 'unknown'
    )
  ),
  CONSTRAINT llm_call_ended_iff_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
  CONSTRAINT llm_call_attempt_is_positive CHECK (attempt >= 1),
  CONSTRAINT llm_call_figures_are_not_negative CHECK (
    tokens_in >= 0 AND tokens_out >= 0 AND cost_micros >= 0 AND charged_tokens >= 0 AND charged_cost_micros >= 0
  ),
  CONSTRAINT llm_call_hashes_are_hex CHECK (
    request_sha256 ~ '^[0-9a-f]{64}$' AND answer_sha256 ~ '^[0-9a-f]{64}$'
  )
);

-- Of two who would ask the same at once, one asks.
CREATE UNIQUE INDEX llm_call_one_open_a_key ON llm_call (tenant_id, subject_id, task_id, operation)
WHERE ended_at IS NULL;

-- GET /v1/usage: the calls of some days.
CREATE INDEX llm_call_by_day ON llm_call (tenant_id, day);

-- The sweep for calls whose maker is gone.
CREATE INDEX llm_call_still_open ON llm_call (deadline_at)
WHERE ended_at IS NULL;

-- What counts against the budgets of a day: one row, so that racing calls cannot both take what is left.
CREATE TABLE llm_budget_day (
  tenant_id text NOT NULL,
  day date NOT NULL,
  calls bigint NOT NULL,
  tokens bigint NOT NULL,
  cost_micros bigint NOT NULL,
  CONSTRAINT llm_budget_day_pkey PRIMARY KEY (tenant_id, day),
  CONSTRAINT llm_budget_day_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
);

-- What an operator set for a tenant. No row: the defaults below.
CREATE TABLE tenant_drafting (
  tenant_id text NOT NULL,
  -- Budgets a UTC day; NULL: none.
  calls_per_day bigint,
  tokens_per_day bigint,
  cost_micros_per_day bigint,
  -- Whether the model may see rows of the tenant's data.
  sample_rows boolean NOT NULL DEFAULT false,
  -- Whether prompts and answers are kept as artifacts of the job.
  keep_prompts boolean NOT NULL DEFAULT true,
  -- Whether the built-in rules write the draft when the model fails.
  rule_fallback boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT tenant_drafting_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT tenant_drafting_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT tenant_drafting_budgets_are_not_negative CHECK (
    calls_per_day >= 0 AND tokens_per_day >= 0 AND cost_micros_per_day >= 0
  )
);

CALL protect_tenant_rows('llm_call');
CALL protect_tenant_rows('llm_budget_day');
CALL protect_tenant_rows('tenant_drafting');

GRANT SELECT ON llm_call, llm_budget_day, tenant_drafting TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT, UPDATE ON llm_call, llm_budget_day TO ss_worker;
-- The sweep closes calls of every tenant.
GRANT UPDATE (ended_at, outcome) ON llm_call TO ss_system;
GRANT INSERT, UPDATE ON tenant_drafting TO ss_operator;
