/* The connection of `python`. There is one a module registry (a thread, a Jest sandbox). */
import { Connection } from './connection'

/**
 * The connection of `python`, the one Python that JavaScript may also wait for. Modules of the synchronous path use it by this name
 * rather than that of a handle: V8 takes a constant for what it is.
 */
export const environment = new Connection(
  { python: 'the Python of `python`', notStarted: 'Python has not been started in this process' },
  true,
)
