-- A login for each program, a member of its role alone; safe to repeat, and a changed password is taken over.
-- The passwords come from the environment: they stand in no file, and psql shows them to nobody.
\getenv api_password API_PASSWORD
\getenv worker_password WORKER_PASSWORD

SELECT format('CREATE ROLE %I LOGIN NOINHERIT', login)
FROM unnest(ARRAY['ss_api_login', 'ss_worker_login']) AS login
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login)
\gexec

ALTER ROLE ss_api_login PASSWORD :'api_password';
ALTER ROLE ss_worker_login PASSWORD :'worker_password';
GRANT ss_api TO ss_api_login;
GRANT ss_worker TO ss_worker_login;
