/* Types of the values that `python` makes. Compiled, never run: an unused `@ts-expect-error` is an error. */
/* eslint-disable @typescript-eslint/no-unused-vars -- the variables are here for their types */
import {
  PyDecimal,
  python,
  type PyComplex,
  type PyEllipsis,
  type PyFloat,
  type PyFraction,
  type PyInt,
  type PyPath,
  type PyRange,
  type PySlice,
  type PyTuple,
  type PyUUID,
} from 'symphony-python-bridge'
import { type Equal, expectType } from './expect-type'

export function makers(): void {
  expectType<Equal<ReturnType<typeof python.float>, PyFloat>>()
  expectType<Equal<ReturnType<typeof python.int>, PyInt>>()
  expectType<Equal<ReturnType<typeof python.complex>, PyComplex>>()
  expectType<Equal<ReturnType<typeof python.decimal>, PyDecimal>>()
  expectType<Equal<ReturnType<typeof python.fraction>, PyFraction>>()
  expectType<Equal<ReturnType<typeof python.uuid>, PyUUID>>()
  expectType<Equal<ReturnType<typeof python.path>, PyPath>>()
  expectType<Equal<ReturnType<typeof python.range>, PyRange>>()
  expectType<Equal<ReturnType<typeof python.slice>, PySlice>>()
  expectType<Equal<typeof python.ellipsis, PyEllipsis>>()
  const tuple = python.tuple(1, 'a')
  expectType<Equal<typeof tuple, PyTuple<[number, string]>>>()
  const set = python.set([1])
  expectType<Equal<typeof set, Set<number>>>()
  const items = [...python.range(3)]
  expectType<Equal<typeof items, (number | bigint)[]>>()
  python.bytes(new ArrayBuffer(1))
  python.slice(null, 5)

  // @ts-expect-error a float is made of a number
  python.float(1n)
  // @ts-expect-error a set is made of one iterable
  python.set(1, 2)
  // @ts-expect-error bytes are made of bytes
  python.bytes('text')
}

export function values(decimal: PyDecimal): void {
  // @ts-expect-error the text does not change
  decimal.text = '1'
  // @ts-expect-error a decimal is no number
  Math.max(decimal)
  // @ts-expect-error a decimal is no number
  const product = decimal * 2
  const number: number = new PyDecimal('1').toNumber()
  void number
}
