-- Drafts may come from a language model, or from the rules because the model failed.
-- The constraint only grows; a running release does not notice, and reads the new words as it reads the old.

ALTER TABLE draft DROP CONSTRAINT draft_source_is_known;
ALTER TABLE draft ADD CONSTRAINT draft_source_is_known CHECK (
  source IN ('rules', 'client', 'model', 'rule_fallback')
) NOT VALID;
ALTER TABLE draft VALIDATE CONSTRAINT draft_source_is_known;
