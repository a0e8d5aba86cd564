/* How Python runs in these tests: in their process, or in one of its own; see `jest.worker-mode.config.cjs`. */

export const isEmbedded = process.env.SYMPHONY_PYTHON_MODE !== 'worker'

/** Registers a test of what is so only where Python and JavaScript are one process. */
export function embeddedTest(name: string, body: () => Promise<void>): void {
  if (isEmbedded) test(name, body)
}
