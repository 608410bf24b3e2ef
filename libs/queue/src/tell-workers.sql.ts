/** On the channel on which pg-boss tells of new messages, so that workers look at once. $1 schema, $2 queue. */
export const TELL_WORKERS = `
  SELECT pg_notify('pgboss_' || left(encode(sha224(convert_to($1, 'UTF8')), 'hex'), 24), $2)`;
