/* The error of a call that has to fail. */
import { PythonError } from 'symphony-python-bridge'

/** What a call raises or rejects with, which must be a Python exception. */
export async function caught(call: () => unknown): Promise<PythonError> {
  try {
    await call()
  } catch (error) {
    if (error instanceof PythonError) return error
    throw error
  }
  throw new Error('nothing was raised')
}
