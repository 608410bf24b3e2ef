/**
 * Three projects, by what they need: `unit` nothing, `integration` a real PostgreSQL, `e2e` whole programs.
 * Jest runs in ESM mode (node --experimental-vm-modules); `npm test` starts it.
 */
const TEST_LIMIT_MS = { unit: 5_000, integration: 30_000, e2e: 120_000 };

const project = (name, testMatch, more = {}) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch,
  testEnvironment: 'node',
  // '#plans' means libs/plans/src/index.ts under this condition, as it does for tsc.
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  // TypeScript sources name their neighbours by the file that will exist after the build.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'] },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.ss/'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  setupFiles: ['<rootDir>/libs/testing/jest/nest-first.mjs'],
  setupFilesAfterEnv: ['<rootDir>/libs/testing/jest/time-limit.mjs'],
  globals: { testLimitMs: TEST_LIMIT_MS[name] },
  ...more,
});

const withServer = {
  globalSetup: '<rootDir>/libs/testing/jest/start-server.mjs',
  globalTeardown: '<rootDir>/libs/testing/jest/stop-server.mjs',
};

/** @type {import('jest').Config} */
export default {
  projects: [
    project('unit', ['<rootDir>/{apps,libs,bench}/**/*.spec.ts']),
    project('integration', ['<rootDir>/{apps,libs,bench}/**/*.int-spec.ts'], withServer),
    project('e2e', ['<rootDir>/apps/*/test/**/*.e2e-spec.ts'], withServer),
  ],
  maxWorkers: 2,
  slowTestThreshold: 10,
};
