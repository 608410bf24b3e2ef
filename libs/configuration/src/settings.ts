import type { LogLevel } from '#observability';

/** The programs that read settings. */
export const programs = ['api', 'worker', 'ssctl'] as const;
export type Program = (typeof programs)[number];

/** The kinds of value, and what a default of each looks like. `null`: absent means something, see `about`. */
type Kind =
  | { kind: 'port'; default: number }
  | { kind: 'integer'; min: number; max: number; default: number | null }
  | { kind: 'seconds'; min: number; max: number; default: number }
  | { kind: 'bytes'; min: number; max: number; default: number }
  | { kind: 'text'; default: string | null }
  | { kind: 'databaseUrl'; default: null }
  | { kind: 'path'; default: string | null }
  | { kind: 'logLevel'; default: LogLevel }
  | { kind: 'boolean'; default: boolean }
  | { kind: 'choice'; values: readonly string[]; default: string }
  | { kind: 'decimal'; min: number; max: number; default: number | null }
  | { kind: 'httpUrl'; default: null }
  | { kind: 'day'; default: string };

export type Setting = Kind & {
  /** The name of the field in the configuration object. */
  field: string;
  readBy: readonly Program[];
  /** One sentence for operators. */
  about: string;
};

const all = programs;
const servers = ['api', 'worker'] as const;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Every setting there is. The types, the checks, `.env.example` and the table in the docs come from here. */
export const settings = {
  DATABASE_URL: {
    field: 'databaseUrl',
    kind: 'databaseUrl',
    default: null,
    readBy: all,
    about:
      'The PostgreSQL server to use, or a PgBouncer before it (see `DATABASE_DIRECT_URL`); without it an embedded server runs in the data folder.',
  },
  DATABASE_DIRECT_URL: {
    field: 'databaseDirectUrl',
    kind: 'databaseUrl',
    default: null,
    readBy: all,
    about:
      'The same server past any pooler, for notifications and schema migrations; without it `DATABASE_URL`.',
  },
  SS_HOST: {
    field: 'host',
    kind: 'text',
    default: '127.0.0.1',
    readBy: all,
    about: 'The address that the API and the health endpoint of the worker listen on.',
  },
  SS_API_PORT: {
    field: 'apiPort',
    kind: 'port',
    default: 3000,
    readBy: ['api', 'ssctl'],
    about: 'The port of the API.',
  },
  SS_WORKER_PORT: {
    field: 'workerPort',
    kind: 'port',
    default: 3001,
    readBy: ['worker', 'ssctl'],
    about: 'The port of the health endpoint of the worker.',
  },
  SS_METRICS: {
    field: 'metrics',
    kind: 'boolean',
    default: true,
    readBy: servers,
    about: 'Whether API and worker tell their metrics (`docs/metrics.md`).',
  },
  SS_METRICS_PORT: {
    field: 'metricsPort',
    kind: 'integer',
    min: 0,
    max: 65_535,
    default: null,
    readBy: servers,
    about:
      'A port for `/metrics` alone, which the program’s own port then does not serve; programs on one machine need one each, or 0 for any.',
  },
  SS_METRICS_HOST: {
    field: 'metricsHost',
    kind: 'text',
    default: null,
    readBy: servers,
    about: 'The address that `SS_METRICS_PORT` listens on; without it `SS_HOST`.',
  },
  SS_METRICS_REFRESH_SECONDS: {
    field: 'metricsRefreshSeconds',
    kind: 'seconds',
    min: 1,
    max: 3600,
    default: 15,
    readBy: ['worker'],
    about: 'How often the one worker that speaks for the whole system gathers its figures.',
  },
  SS_DATA_DIR: {
    field: 'dataDir',
    kind: 'path',
    default: '.ss',
    readBy: all,
    about: 'The folder for everything that is kept on this machine.',
  },
  SS_ARTIFACTS_DIR: {
    field: 'artifactsDir',
    kind: 'path',
    default: null,
    readBy: all,
    about:
      'The folder for datasets and artifacts, shared by all programs; without it `artifacts` in the data folder.',
  },
  SS_LEGACY_JOBS_DIR: {
    field: 'legacyJobsDir',
    kind: 'path',
    default: null,
    readBy: ['api', 'ssctl'],
    about:
      'A tree of legacy job.json files that the API reads through to: a job that has no rows yet is lifted when it is asked for.',
  },
  SS_UNVERSIONED_ROUTES: {
    field: 'unversionedRoutes',
    kind: 'choice',
    values: ['until_sunset', 'on', 'off'],
    default: 'until_sunset',
    readBy: ['api'],
    about:
      'Whether the deprecated routes without a version (`/jobs…`) are answered: until their sunset, for good, or not any more (410).',
  },
  SS_UNVERSIONED_SUNSET: {
    field: 'unversionedSunset',
    kind: 'day',
    default: '2027-06-30',
    readBy: ['api'],
    about: 'The day (UTC) from which the routes without a version answer 410; told in their `Sunset` header.',
  },
  SS_MIGRATION_DATABASE_URL: {
    field: 'migrationDatabaseUrl',
    kind: 'databaseUrl',
    default: null,
    readBy: ['api', 'ssctl'],
    about:
      'The address with a login that is a member of ss_migration, for reading through; without it that of DATABASE_URL.',
  },
  SS_LOG_LEVEL: {
    field: 'logLevel',
    kind: 'logLevel',
    default: 'info',
    readBy: all,
    about:
      'The least severe level that is logged; `ssctl log-level` changes it for a time while a program runs.',
  },
  SS_LOG_FORMAT: {
    field: 'logFormat',
    kind: 'choice',
    values: ['auto', 'json', 'pretty'],
    default: 'auto',
    readBy: all,
    about:
      'How the log looks: `json` an object a line, `pretty` a line for people, `auto` pretty on a terminal. `NO_COLOR` takes the colours away.',
  },
  SS_DATABASE_POOL_SIZE: {
    field: 'databasePoolSize',
    kind: 'integer',
    min: 2,
    max: 500,
    default: 10,
    readBy: all,
    about: 'The most database connections that one program opens.',
  },
  SS_DATABASE_STATEMENT_TIMEOUT_SECONDS: {
    field: 'databaseStatementTimeoutSeconds',
    kind: 'seconds',
    min: 1,
    max: 3600,
    default: 15,
    readBy: all,
    about: 'The time after which the database ends a statement.',
  },
  SS_DATABASE_WAIT_SECONDS: {
    field: 'databaseWaitSeconds',
    kind: 'seconds',
    min: 0,
    max: 3600,
    default: 60,
    readBy: servers,
    about: 'How long a starting program waits for a database that does not answer before it gives up.',
  },
  SS_QUEUE_LEASE_TTL_SECONDS: {
    field: 'queueLeaseTtlSeconds',
    kind: 'seconds',
    min: 5,
    max: 3600,
    default: 30,
    readBy: all,
    about: 'The time without a heartbeat after which a run is taken from its worker.',
  },
  SS_QUEUE_HEARTBEAT_SECONDS: {
    field: 'queueHeartbeatSeconds',
    kind: 'seconds',
    min: 1,
    max: 1800,
    default: 10,
    readBy: ['worker'],
    about: 'How often a worker renews its leases; less than half the lease, so that one may go missing.',
  },
  SS_QUEUE_SWEEP_SECONDS: {
    field: 'queueSweepSeconds',
    kind: 'seconds',
    min: 1,
    max: 3600,
    default: 10,
    readBy: ['worker'],
    about: 'How often lost leases and unnoticed jobs are looked for.',
  },
  SS_QUEUE_RECONCILE_SECONDS: {
    field: 'queueReconcileSeconds',
    kind: 'seconds',
    min: 1,
    max: 3600,
    default: 60,
    readBy: ['worker'],
    about: 'How often the messages of the queue are compared with the jobs, and mended.',
  },
  SS_QUEUE_POLL_SECONDS: {
    field: 'queuePollSeconds',
    kind: 'seconds',
    min: 1,
    max: 300,
    default: 2,
    readBy: ['worker'],
    about: 'How often a worker with a free slot looks for work that no notification announced.',
  },
  SS_API_SHUTDOWN_DELAY_SECONDS: {
    field: 'apiShutdownDelaySeconds',
    kind: 'seconds',
    min: 0,
    max: 300,
    default: 0,
    readBy: ['api'],
    about:
      'How long the API, asked to stop, goes on taking requests while its readiness already fails, so that load balancers notice.',
  },
  SS_API_SHUTDOWN_GRACE_SECONDS: {
    field: 'apiShutdownGraceSeconds',
    kind: 'seconds',
    min: 0,
    max: 600,
    default: 15,
    readBy: ['api'],
    about: 'The time that requests in flight get to be answered when the API is asked to stop.',
  },
  SS_WORKER_CONCURRENCY: {
    field: 'workerConcurrency',
    kind: 'integer',
    min: 1,
    max: 256,
    default: 2,
    readBy: ['worker'],
    about: 'The number of jobs that one worker runs at the same time.',
  },
  SS_WORKER_SHUTDOWN_GRACE_SECONDS: {
    field: 'workerShutdownGraceSeconds',
    kind: 'seconds',
    min: 0,
    max: 3600,
    default: 30,
    readBy: ['worker', 'ssctl'],
    about: 'The time that running steps get to end when the worker is asked to stop.',
  },
  SS_WORKER_MAX_ATTEMPTS: {
    field: 'workerMaxAttempts',
    kind: 'integer',
    min: 1,
    max: 100,
    default: 3,
    readBy: ['worker'],
    about:
      'The runs that may fail, of a failure worth another try, before the job does; a plan may say otherwise.',
  },
  SS_WORKER_RETRY_BACKOFF_BASE_SECONDS: {
    field: 'workerRetryBackoffBaseSeconds',
    kind: 'seconds',
    min: 0,
    max: 86_400,
    default: 5,
    readBy: ['worker'],
    about: 'The pause after the first failed run; it doubles with each.',
  },
  SS_WORKER_RETRY_BACKOFF_MAX_SECONDS: {
    field: 'workerRetryBackoffMaxSeconds',
    kind: 'seconds',
    min: 0,
    max: 86_400,
    default: 300,
    readBy: ['worker'],
    about: 'The longest pause between two runs of a job.',
  },
  SS_WORKER_MAX_LOST_RUNS: {
    field: 'workerMaxLostRuns',
    kind: 'integer',
    min: 1,
    max: 1_000,
    default: 5,
    readBy: ['worker'],
    about: 'The runs that a job may lose together with their workers before it is failed as POISON_JOB.',
  },
  SS_RUN_TIMEOUT_SECONDS: {
    field: 'runTimeoutSeconds',
    kind: 'seconds',
    min: 1,
    max: 604_800,
    default: 86_400,
    readBy: ['worker'],
    about: 'The time that a whole run gets when its plan does not say.',
  },
  SS_STEP_TIMEOUT_SECONDS: {
    field: 'stepTimeoutSeconds',
    kind: 'seconds',
    min: 1,
    max: 86_400,
    default: 300,
    readBy: servers,
    about: 'The time that a step gets when its plan does not say.',
  },
  SS_STEP_MEMORY_MB: {
    field: 'stepMemoryMb',
    kind: 'integer',
    min: 64,
    max: 1_048_576,
    default: 512,
    readBy: ['worker'],
    about: 'The memory that a step may use, in MiB.',
  },
  SS_COMMAND_PROFILES: {
    field: 'commandProfiles',
    kind: 'path',
    default: null,
    readBy: all,
    about:
      'The JSON file that names the programs which `command` steps may start; without it there are none.',
  },
  SS_UPLOAD_MAX_BYTES: {
    field: 'uploadMaxBytes',
    kind: 'bytes',
    min: KIB,
    max: 1024 * GIB,
    default: GIB,
    readBy: ['api', 'ssctl'],
    about: 'The largest dataset that can be sent.',
  },
  SS_BODY_MAX_BYTES: {
    field: 'bodyMaxBytes',
    kind: 'bytes',
    min: KIB,
    max: GIB,
    default: MIB,
    readBy: ['api', 'ssctl'],
    about: 'The largest request body, uploads aside.',
  },
  SS_AUDIT_SEAL_SECONDS: {
    field: 'auditSealSeconds',
    kind: 'seconds',
    min: 1,
    max: 86_400,
    default: 10,
    readBy: ['worker'],
    about: 'How often new rows of the audit are sealed.',
  },
  SS_AUDIT_CHECKPOINTS_DIR: {
    field: 'auditCheckpointsDir',
    kind: 'path',
    default: null,
    readBy: ['worker', 'ssctl'],
    about:
      'The folder for signed checkpoints of the audit, best on another machine; without it `audit/checkpoints` in the data folder.',
  },
  SS_AUDIT_SIGNING_KEY: {
    field: 'auditSigningKey',
    kind: 'path',
    default: null,
    readBy: ['worker', 'ssctl'],
    about:
      'The file with the Ed25519 key (PEM) that signs checkpoints, the same for all workers; without it one is made in the data folder.',
  },
  SS_AUDIT_RETENTION_MONTHS: {
    field: 'auditRetentionMonths',
    kind: 'integer',
    min: 1,
    max: 1200,
    default: null,
    readBy: ['worker'],
    about:
      'How many whole months of the audit stay before this one; workers drop older ones (see `docs/audit-retention.md`). Without it none is dropped.',
  },
  SS_AUDIT_ARCHIVE_DIR: {
    field: 'auditArchiveDir',
    kind: 'path',
    default: null,
    readBy: ['worker', 'ssctl'],
    about:
      'The folder for months of the audit that are dropped, the same for all workers; without it workers drop them with no file, and `ssctl archive audit` asks where to.',
  },
  SS_IDEMPOTENCY_TTL_HOURS: {
    field: 'idempotencyTtlHours',
    kind: 'integer',
    min: 1,
    max: 720,
    default: 24,
    readBy: servers,
    about: 'How long the answer to an `Idempotency-Key` is remembered, in hours.',
  },
  SS_JOB_RETENTION_DAYS: {
    field: 'jobRetentionDays',
    kind: 'integer',
    min: 0,
    max: 36_500,
    default: 90,
    readBy: ['worker', 'ssctl'],
    about:
      'How long a job is kept after its end, in days, where its tenant has no time of its own; 0 for as long as nobody deletes it.',
  },
  SS_JOB_RETENTION_SWEEP_SECONDS: {
    field: 'jobRetentionSweepSeconds',
    kind: 'seconds',
    min: 1,
    max: 86_400,
    default: 3600,
    readBy: ['worker'],
    about: 'How often a worker looks for jobs, answers and files whose time is over.',
  },
  SS_OIDC_ISSUER: {
    field: 'oidcIssuer',
    kind: 'httpUrl',
    default: null,
    readBy: ['api'],
    about:
      'The issuer whose access tokens are taken beside keys, exactly as its tokens name it; without it keys alone.',
  },
  SS_OIDC_AUDIENCE: {
    field: 'oidcAudience',
    kind: 'text',
    default: null,
    readBy: ['api'],
    about: 'Who a token must be meant for; needed with `SS_OIDC_ISSUER`.',
  },
  SS_OIDC_JWKS_URL: {
    field: 'oidcJwksUrl',
    kind: 'httpUrl',
    default: null,
    readBy: ['api'],
    about: 'Where the keys of the issuer are; without it the issuer is asked (OpenID Connect Discovery).',
  },
  SS_OIDC_TENANT_CLAIM: {
    field: 'oidcTenantClaim',
    kind: 'text',
    default: 'tenant_id',
    readBy: ['api'],
    about: 'The claim of a token that names the tenant.',
  },
  SS_OIDC_SCOPE_CLAIM: {
    field: 'oidcScopeClaim',
    kind: 'text',
    default: 'scope',
    readBy: ['api'],
    about: 'The claim of a token that lists what it may do, as a list or as words.',
  },
  SS_OIDC_SCOPE_PREFIX: {
    field: 'oidcScopePrefix',
    kind: 'text',
    default: null,
    readBy: ['api'],
    about: 'What the scopes of SS begin with in that claim, such as `ss/`; others are not looked at.',
  },
  SS_DRAFT_CONCURRENCY: {
    field: 'draftConcurrency',
    kind: 'integer',
    min: 1,
    max: 64,
    default: 4,
    readBy: ['worker'],
    about: 'The number of drafts that one worker makes at the same time.',
  },
  SS_LLM_PROVIDER: {
    field: 'llmProvider',
    kind: 'choice',
    values: ['none', 'openai_compatible'],
    default: 'none',
    readBy: ['worker'],
    about:
      'Who drafts: `none` is the built-in rules, `openai_compatible` a language model behind that protocol.',
  },
  SS_LLM_BASE_URL: {
    field: 'llmBaseUrl',
    kind: 'httpUrl',
    default: null,
    readBy: ['worker'],
    about: 'Where the language model is, up to and with `/v1`; needed with `openai_compatible`.',
  },
  SS_LLM_API_KEY: {
    field: 'llmApiKey',
    kind: 'text',
    default: null,
    readBy: ['worker'],
    about: 'The key for the language model, where its server asks for one.',
  },
  SS_LLM_MODEL: {
    field: 'llmModel',
    kind: 'text',
    default: null,
    readBy: ['worker'],
    about: 'The model to ask; needed with `openai_compatible`.',
  },
  SS_LLM_FALLBACK_BASE_URL: {
    field: 'llmFallbackBaseUrl',
    kind: 'httpUrl',
    default: null,
    readBy: ['worker'],
    about: 'A second provider, asked when the first is given up.',
  },
  SS_LLM_FALLBACK_API_KEY: {
    field: 'llmFallbackApiKey',
    kind: 'text',
    default: null,
    readBy: ['worker'],
    about: 'The key for the second provider.',
  },
  SS_LLM_FALLBACK_MODEL: {
    field: 'llmFallbackModel',
    kind: 'text',
    default: null,
    readBy: ['worker'],
    about: 'The model of the second provider.',
  },
  SS_LLM_TEMPERATURE: {
    field: 'llmTemperature',
    kind: 'decimal',
    min: 0,
    max: 2,
    default: null,
    readBy: ['worker'],
    about: 'The temperature of the model; its own when absent, which some models insist on.',
  },
  SS_LLM_MAX_TOKENS: {
    field: 'llmMaxTokens',
    kind: 'integer',
    min: 64,
    max: 1_000_000,
    default: 4096,
    readBy: ['worker'],
    about: 'The most tokens of one answer; budgets count them before a call is made.',
  },
  SS_LLM_TOKEN_LIMIT_FIELD: {
    field: 'llmTokenLimitField',
    kind: 'choice',
    values: ['max_tokens', 'max_completion_tokens'],
    default: 'max_tokens',
    readBy: ['worker'],
    about: 'How the server calls that limit; newer models of OpenAI take `max_completion_tokens` only.',
  },
  SS_LLM_ANSWER_FORMAT: {
    field: 'llmAnswerFormat',
    kind: 'choice',
    values: ['json_schema', 'json_object', 'text'],
    default: 'json_schema',
    readBy: ['worker'],
    about: 'What the server can be asked to keep to; the answer is checked in any case.',
  },
  SS_LLM_TIMEOUT_SECONDS: {
    field: 'llmTimeoutSeconds',
    kind: 'seconds',
    min: 1,
    max: 150,
    default: 30,
    readBy: ['worker'],
    about: 'The time that one attempt to ask the language model gets.',
  },
  SS_LLM_MAX_ATTEMPTS: {
    field: 'llmMaxAttempts',
    kind: 'integer',
    min: 1,
    max: 10,
    default: 3,
    readBy: ['worker'],
    about: 'How often one provider is asked one question.',
  },
  SS_LLM_TOTAL_SECONDS: {
    field: 'llmTotalSeconds',
    kind: 'seconds',
    min: 1,
    max: 150,
    default: 110,
    readBy: ['worker'],
    about: 'The time of all attempts, waits and repairs for one draft together.',
  },
  SS_LLM_RETRY_BACKOFF_BASE_SECONDS: {
    field: 'llmRetryBackoffBaseSeconds',
    kind: 'seconds',
    min: 0,
    max: 60,
    default: 1,
    readBy: ['worker'],
    about: 'The longest wait before the second attempt; it doubles with each, and chance decides up to it.',
  },
  SS_LLM_RETRY_BACKOFF_MAX_SECONDS: {
    field: 'llmRetryBackoffMaxSeconds',
    kind: 'seconds',
    min: 0,
    max: 150,
    default: 30,
    readBy: ['worker'],
    about: 'The longest wait before any attempt.',
  },
  SS_LLM_RETRY_AFTER_CAP_SECONDS: {
    field: 'llmRetryAfterCapSeconds',
    kind: 'seconds',
    min: 0,
    max: 150,
    default: 20,
    readBy: ['worker'],
    about:
      'The longest `Retry-After` that is waited for; past it the draft goes back to the queue with that time.',
  },
  SS_LLM_PRICES: {
    field: 'llmPrices',
    kind: 'text',
    default: null,
    readBy: ['worker'],
    about:
      'What tokens cost, as JSON or the path of a JSON file (libs/llm/README.md); without it cost is not known.',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
