// The linter's configuration. The layers of src/ are a table of their own, tools/layers.js.
import { fileURLToPath } from 'node:url';
import { layerOverrides } from './tools/layers.js';

export default {
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'node'],
  categories: {
    correctness: 'error',
    suspicious: 'error',
  },
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/consistent-type-imports': 'error',
    'import/no-cycle': 'error',
    'eslint/eqeqeq': 'error',
    'eslint/no-shadow': 'off',
    'eslint/no-await-in-loop': 'off',
    'eslint/no-underscore-dangle': 'off',
    'import/no-unassigned-import': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    'promise/always-return': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
  },
  jsPlugins: [{ name: 'js', specifier: fileURLToPath(import.meta.resolve('oxlint-plugin-eslint')) }],
  ignorePatterns: ['build/**', '**/node_modules/**'],
  overrides: [
    {
      files: ['test/**', 'examples/**'],
      rules: {
        'typescript/no-floating-promises': [
          'error',
          {
            allowForKnownSafeCalls: [
              {
                from: 'package',
                name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'],
                package: 'node:test',
              },
            ],
          },
        ],
        'import/no-named-as-default-member': 'off',
      },
    },
    ...layerOverrides,
  ],
};
