/* Waits for what Python does on its own time, such as giving up an object that was disposed. */

/** Asks, a macrotask between, until the answer is `expected`; the timeout of the test ends it. */
export async function eventually(question: () => unknown, expected: unknown): Promise<void> {
  while ((await question()) !== expected) await new Promise((resolve) => setImmediate(resolve))
}
