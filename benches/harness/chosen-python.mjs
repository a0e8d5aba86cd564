// Asks the bridge, in a process of its own, which interpreter it embeds: the floor links the same library.
import { python } from 'symphony-python-bridge'

export async function chosenPython() {
  const { executable, libpython, version } = await python.start()
  return { executable, libpython, version }
}
