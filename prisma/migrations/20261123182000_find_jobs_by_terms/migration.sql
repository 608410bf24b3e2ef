-- Lists of jobs at a cost that does not grow with their number: an index for each order in which they are sorted, and the
-- labels and words of a job as rows that stand in the order of the list. See docs/decisions/0013.
-- A running release does not notice: the triggers write the terms of the jobs that it makes. Building the two indexes keeps
-- writers of job waiting for one pass each. Jobs from before get their terms by the next schema migration.

-- GET /v1/jobs in the order of updated_at or priority; the statuses that are asked for, all of them if none is, are merged.
CREATE INDEX job_by_update ON job (tenant_id, status, updated_at, job_id);
CREATE INDEX job_by_priority ON job (tenant_id, status, priority, created_at, job_id);

-- What a job can be found by: `l:name=value` for each label, `w:word` for each word of the beginning of its requirement.
-- The key is the index: the jobs of a term, in the order of their creation. No foreign key, which would need an index of its
-- own: a trigger takes the terms away with the job.
CREATE TABLE job_term (
  tenant_id text NOT NULL,
  term text NOT NULL,
  created_at timestamptz NOT NULL,
  job_id text NOT NULL,
  CONSTRAINT job_term_pkey PRIMARY KEY (tenant_id, term, created_at, job_id)
)
WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

CALL protect_tenant_rows('job_term');

GRANT SELECT ON job_term TO ss_api, ss_worker, ss_operator, ss_system;
-- By the triggers below, which act with the rights of who writes the job.
GRANT INSERT ON job_term TO ss_api, ss_migration;
GRANT SELECT, DELETE ON job_term TO ss_system;

-- A word is what stands between spaces and ASCII punctuation, in lower case. Words of one character, and what is no word
-- but a blob, find nothing worth finding. Nor do labels longer than the API takes, which no index could hold.
CREATE FUNCTION job_terms(requirement text, labels jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT DISTINCT 'w:' || word
  FROM pg_catalog.regexp_split_to_table(pg_catalog.lower(pg_catalog.left(requirement, 4000)), '[\s!-/:-@\[-`{-~]+') AS word
  WHERE pg_catalog.char_length(word) BETWEEN 2 AND 64
  UNION ALL
  SELECT 'l:' || name || '=' || value FROM pg_catalog.jsonb_each_text(labels) AS label (name, value)
  WHERE pg_catalog.char_length(name) + pg_catalog.char_length(value) < 400
$$;

CREATE FUNCTION keep_job_terms() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO public.job_term (tenant_id, term, created_at, job_id)
  SELECT n.tenant_id, term, n.created_at, n.job_id
  FROM new_rows AS n
  CROSS JOIN LATERAL public.job_terms(n.requirement, n.labels) AS term
  WHERE n.requirement IS NOT NULL OR n.labels <> '{}'
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

CREATE TRIGGER keep_terms AFTER INSERT ON job
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION keep_job_terms();

-- An erasure empties both, and nobody else changes them: no move of a job comes here.
CREATE FUNCTION change_job_terms() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  DELETE FROM public.job_term
  WHERE tenant_id = OLD.tenant_id AND created_at = OLD.created_at AND job_id = OLD.job_id
    AND term IN (SELECT public.job_terms(OLD.requirement, OLD.labels));
  INSERT INTO public.job_term (tenant_id, term, created_at, job_id)
  SELECT NEW.tenant_id, term, NEW.created_at, NEW.job_id
  FROM public.job_terms(NEW.requirement, NEW.labels) AS term
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

CREATE TRIGGER change_terms AFTER UPDATE OF requirement, labels ON job
FOR EACH ROW WHEN ((OLD.requirement, OLD.labels) IS DISTINCT FROM (NEW.requirement, NEW.labels))
EXECUTE FUNCTION change_job_terms();

CREATE FUNCTION drop_job_terms() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  DELETE FROM public.job_term AS t
  USING old_rows AS o
  CROSS JOIN LATERAL public.job_terms(o.requirement, o.labels) AS gone
  WHERE t.tenant_id = o.tenant_id AND t.term = gone AND t.created_at = o.created_at AND t.job_id = o.job_id;
  RETURN NULL;
END
$$;

CREATE TRIGGER drop_terms AFTER DELETE ON job
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION drop_job_terms();

-- The owner of the tables sees no tenant's rows without its name: the names, for the next schema migration, which drops
-- this table again. Last, because nobody reads `tenant` between here and the commit.
CREATE TABLE job_term_fill (tenant_id text NOT NULL, CONSTRAINT job_term_fill_pkey PRIMARY KEY (tenant_id));
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
INSERT INTO job_term_fill (tenant_id) SELECT tenant_id FROM tenant;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
