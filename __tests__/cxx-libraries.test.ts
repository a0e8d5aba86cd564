/* Extension modules in C++, whose runtime library has variables of which Node has copies. */
import { python } from 'symphony-python-bridge'

test('regular expressions of the C++ library find the classic locale', () => {
  const { lib } = python.importSync('pyarrow') as unknown as { lib: { string_to_tzinfo(name: string): object } }
  expect(String(python.evalSync('str(zone)', { zone: lib.string_to_tzinfo('+01:00') }))).toBe('UTC+01:00')
})
