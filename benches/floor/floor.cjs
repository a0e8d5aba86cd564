// Loads the floor addon and adds the JavaScript that its fastest ways need. CommonJS, so that the start-up measurement loads
// both sides by `require`.
const os = require('node:os')

/** The most asynchronous calls that may be in flight at once. */
const capacity = 4096

/** The addon's own functions. Loading it makes the symbols of libpython global, as Python's extension modules expect. */
function loadAddon(file) {
  const addon = { exports: {} }
  process.dlopen(addon, file, os.constants.dlopen.RTLD_NOW | os.constants.dlopen.RTLD_GLOBAL)
  return addon.exports
}

/** `add` on the worker thread, by each way to settle a promise. Opens the worker; the caller ends it with `closeQueue`. */
function asyncAdds(addon) {
  const request = new Float64Array(3)
  const results = new Float64Array(2 * capacity)
  const resolvers = new Array(capacity).fill(undefined)
  const free = Array.from({ length: capacity }, (_, index) => capacity - 1 - index)
  addon.openQueue(request.buffer, results.buffer, (count) => {
    for (let index = 0; index < count; index++) {
      const slot = results[2 * index]
      const resolve = resolvers[slot]
      resolvers[slot] = undefined
      free.push(slot)
      resolve(results[2 * index + 1])
    }
  })
  return {
    resolveInJavaScript: (a, b) =>
      new Promise((resolve) => {
        const slot = free.pop()
        resolvers[slot] = resolve
        request[0] = slot
        request[1] = a
        request[2] = b
        addon.submit()
      }),
    nativeDeferred: addon.submitDeferred,
  }
}

/** The raising call, by each way to make the error. */
function failures(addon) {
  return {
    thrownInJavaScript: () => {
      const report = addon.failText()
      if (report !== undefined) {
        const end = report.indexOf('\n')
        const error = new Error(report.slice(end + 1))
        error.code = report.slice(0, end)
        throw error
      }
    },
    thrownNatively: addon.fail,
  }
}

module.exports = { asyncAdds, failures, loadAddon }
