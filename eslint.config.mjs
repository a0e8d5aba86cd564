// What the linter asks of TypeScript and of the scripts. Layout is Prettier's; types are the compiler's.
import javascript from '@eslint/js'
import typescript from 'typescript-eslint'

export default typescript.config(
  {
    ignores: [
      'dist/',
      'target/',
      'node_modules/',
      '.venv/',
      '.cache/',
      'coverage/',
      'index.d.ts',
      '**/generated/',
      'benches/results/',
    ],
  },
  javascript.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [typescript.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // A thenable that nobody awaits loses its error; Python calls are started on purpose, so `void` marks those.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { prefer: 'type-imports', fixStyle: 'inline-type-imports' },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/ban-ts-comment': [
        'error',
        { 'ts-expect-error': 'allow-with-description', 'ts-ignore': true },
      ],
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'always' }],
      // Proxy handlers compare, alias and hand out functions and receivers on purpose.
      '@typescript-eslint/no-this-alias': 'off',
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
      // A union may say which of its members matter to the reader.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
    },
  },
  {
    // A native addon can only be required, and only when it is needed; so is an optional package.
    files: ['ts/native/**/*.ts', 'ts/arrow/arrow-module.ts'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Tests and examples take Python apart value by value; what they assert is the check.
    files: ['__tests__/**/*.ts', 'examples/**/*.mts'],
    rules: {
      '@typescript-eslint/await-thenable': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      'no-console': 'off',
    },
  },
  {
    // The command line prints; that is its job.
    files: ['ts/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'AbortController',
          'AbortSignal',
          'Buffer',
          'URL',
          '__dirname',
          '__filename',
          'clearInterval',
          'clearTimeout',
          'console',
          'fetch',
          'gc',
          'module',
          'performance',
          'process',
          'require',
          'setImmediate',
          'setInterval',
          'setTimeout',
          'structuredClone',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
)
