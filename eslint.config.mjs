import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Only programs know of their surroundings; libs are given options (docs/architecture.md). */
const surroundings = ['env', 'argv'].map((property) => ({
  object: 'process',
  property,
  message: 'Only apps/ and scripts/ read the environment or the command line; a lib takes plain options.',
}));

/** A test that runs alone hides all the others. */
const onlyTests = [
  {
    selector: 'MemberExpression[property.name="only"][object.name=/^(describe|it|test)$/]',
    message: 'Remove .only: it keeps every other test from running.',
  },
  { selector: 'CallExpression[callee.name=/^(fdescribe|fit)$/]', message: 'Use describe and it.' },
];

export default defineConfig(
  { ignores: ['dist/', '.ss/', 'coverage/', 'libs/*/src/generated/', 'examples/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['prisma.config.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // A module of NestJS is an empty class; all that it says stands in its decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // A number in a sentence is written as everyone expects; String() around each would hide the sentence.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `{ tenantId: _tenantId, ...rest }` is how a field is left out; `_next` how a parameter is passed over.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      // A constructor that only passes on may still narrow what can be passed.
      '@typescript-eslint/no-useless-constructor': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...onlyTests],
    },
  },
  {
    // Bodies are classes so that OpenAPI can describe them. They have fields and nothing else, or not even those: a
    // literal of that shape is as good as an instance, and so is a copy. NestJS declares its options likewise.
    files: ['apps/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true, allowEmpty: true }],
    },
  },
  {
    files: ['libs/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/*.int-spec.ts', 'libs/testing/**'],
    rules: {
      'no-restricted-properties': ['error', ...surroundings],
      'no-restricted-imports': ['error', { name: 'node:process', message: surroundings[0].message }],
    },
  },
  {
    // A test may claim that a row is there: when it is not, the test fails, and that is what it is for.
    files: ['**/*.spec.ts', '**/*.int-spec.ts', '**/*.e2e-spec.ts', 'libs/testing/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: {
        AbortSignal: 'readonly',
        Atomics: 'readonly',
        Buffer: 'readonly',
        SharedArrayBuffer: 'readonly',
        URL: 'readonly',
        clearInterval: 'readonly',
        clearTimeout: 'readonly',
        console: 'readonly',
        fetch: 'readonly',
        globalThis: 'readonly',
        process: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
);
