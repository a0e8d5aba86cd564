// A short end-to-end test that needs only Node, the build and an environment with NumPy: the program of both matrices.
//   VIRTUAL_ENV=<folder> node scripts/smoke.mjs
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, test } from 'node:test'
import { isPythonError, kw, python } from 'symphony-python-bridge'

assert.ok(process.env.VIRTUAL_ENV, 'VIRTUAL_ENV must name the environment to test')
const interpreter = `${process.env.VIRTUAL_ENV}/bin/python`

/** What a program prints in the interpreter itself, outside Node. */
function outside(program) {
  const result = spawnSync(interpreter, ['-c', program], { encoding: 'utf8' })
  assert.equal(result.status, 0, result.stderr)
  return result.stdout.trim()
}

after(() => python.stop())

test('the interpreter in Node is the one of the environment', async () => {
  const sys = await python.import('sys')
  assert.equal(await sys.executable, outside('import sys; print(sys.executable)'))
  assert.equal(await sys.prefix, outside('import sys; print(sys.prefix)'))
  assert.equal(python.info().version, outside('import platform; print(platform.python_version())'))
})

test('Python sees the environment variables of the process', async () => {
  const os = await python.import('os')
  assert.equal(await os.environ.get('PATH'), process.env.PATH)
})

test('extension modules bind to their own libraries, not to the ones inside Node', async () => {
  const ssl = await python.import('ssl')
  const zlib = await python.import('zlib')
  assert.equal(await ssl.OPENSSL_VERSION, outside('import ssl; print(ssl.OPENSSL_VERSION)'))
  assert.equal(await zlib.ZLIB_RUNTIME_VERSION, outside('import zlib; print(zlib.ZLIB_RUNTIME_VERSION)'))
})

test('synchronous calls work', () => {
  const math = python.importSync('math')
  assert.equal(math.hypot(3, 4), 5)
  assert.equal(math.factorial(25), 15511210043330985984000000n)
})

test('a NumPy chain works', async () => {
  const numpy = await python.import('numpy')
  assert.equal(await numpy.arange(15).reshape(3, 5).sum(), 105)
  assert.deepEqual(await numpy.linspace(0, 1, kw({ num: 3 })).tolist(), [0, 0.5, 1])
})

test('1000 concurrent calls settle', async () => {
  const operator = await python.import('operator')
  const sums = await Promise.all(Array.from({ length: 1000 }, (_, index) => operator.add(index, 1)))
  assert.deepEqual(
    sums,
    Array.from({ length: 1000 }, (_, index) => index + 1),
  )
})

test('an exception arrives with its type and traceback', async () => {
  const error = await python.eval('{}["missing"]').then(
    () => assert.fail('the call succeeded'),
    (reason) => reason,
  )
  assert.ok(isPythonError(error, 'LookupError'))
  assert.equal(error.type, 'KeyError')
  assert.match(error.traceback, /KeyError: 'missing'/)
})

test('processes that Python starts have the same environment', async () => {
  const futures = await python.import('concurrent.futures')
  const path = await python.import('os.path')
  await python.with(futures.ProcessPoolExecutor(1), async (pool) => {
    assert.equal(await pool.submit(path.basename, '/a/b').result(), 'b')
  })
})
