// How the tests of the Node side run: one process a file, because a process has one Python interpreter for its life.

/** @type {import('jest').Config} */
module.exports = {
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/target/', '<rootDir>/.cache/', '<rootDir>/.venv/'],
  testEnvironment: 'node',
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          target: 'es2022',
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  // The tests import the package by its name and get the build, as users do.
  moduleNameMapper: { '^symphony-python-bridge$': '<rootDir>/dist/index.js' },
  // With a limit that every process exceeds, Jest replaces a worker after each file.
  workerIdleMemoryLimit: '1MB',
  maxWorkers: '50%',
  testTimeout: 60_000,
}
