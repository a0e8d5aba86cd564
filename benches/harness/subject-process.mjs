// The measuring process: receives which function to run, answers with progress and then with rows or a failure.

process.once('message', async ({ file, name, settings }) => {
  let answer
  try {
    const module = await import(file)
    answer = { result: await module[name]({ ...settings, onProgress: (progress) => process.send({ progress }) }) }
  } catch (error) {
    answer = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  process.send(answer, () => process.exit(0))
})
