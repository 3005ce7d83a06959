// What the formatter and the types do not see. Few rules, each for a fault that it would have
// caught; style is prettier's.
import { createRequire } from 'node:module';

const require = createRequire(new URL('./tools/node/package.json', import.meta.url));
const globals = require('globals');

const rules = {
  // Names that are wrong or left over.
  'no-undef': 'error',
  'no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
  'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
  // Mistakes that run: a comparison that coerces, a promise or a value that nobody takes, an error
  // that is hidden by a second one.
  eqeqeq: 'error',
  'array-callback-return': 'error',
  'no-constant-condition': ['error', { checkLoops: false }],
  'no-dupe-keys': 'error',
  'no-fallthrough': 'error',
  'no-self-compare': 'error',
  'no-sparse-arrays': 'error',
  'no-unreachable': 'error',
  'no-unsafe-finally': 'error',
  'no-unused-expressions': 'error',
  'no-async-promise-executor': 'error',
  'valid-typeof': 'error',
  // What reads worse than its other form.
  'no-var': 'error',
  'prefer-const': 'error',
};

export default [
  { ignores: ['**/node_modules/', '**/native/', '**/testdata/', 'build/', 'dist/', '.tools/'] },
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: globals.node },
    rules,
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { sourceType: 'module', globals: globals.node },
    rules,
  },
  {
    // Jest gives `jest` to each file itself; to require it, too, is an error there.
    files: ['examples/snippets/node/runners/*.jest.test.js'],
    languageOptions: { globals: { jest: 'readonly' } },
  },
  {
    files: ['examples/dcb-http/k6/*.js'],
    languageOptions: {
      sourceType: 'module',
      globals: { __ENV: 'readonly', __ITER: 'readonly', __VU: 'readonly' },
    },
    rules,
  },
];
