/* The numbers of the wire format: its version, MessagePack's lead bytes and our extension codes. docs/internal/wire-format.md
   describes them; crates/symphony-wire has the same in Rust. */

/** The version of the format. Both halves of one package always have the same. */
export const wireVersion = 1

/** MessagePack's lead bytes, under the names of its specification. */
export const Lead = {
  fixmap: 0x80,
  fixarray: 0x90,
  fixstr: 0xa0,
  nil: 0xc0,
  false: 0xc2,
  true: 0xc3,
  bin8: 0xc4,
  bin16: 0xc5,
  bin32: 0xc6,
  ext8: 0xc7,
  ext16: 0xc8,
  ext32: 0xc9,
  float64: 0xcb,
  uint8: 0xcc,
  uint16: 0xcd,
  uint32: 0xce,
  uint64: 0xcf,
  int8: 0xd0,
  int16: 0xd1,
  int32: 0xd2,
  int64: 0xd3,
  fixext1: 0xd4,
  fixext2: 0xd5,
  fixext4: 0xd6,
  fixext8: 0xd7,
  fixext16: 0xd8,
  str8: 0xd9,
  str16: 0xda,
  str32: 0xdb,
  array16: 0xdc,
  array32: 0xdd,
  map16: 0xde,
  map32: 0xdf,
  negativeFixint: 0xe0,
} as const

/** Our extension codes. Those from 0x12 to 0x1f and from 0x23 to 0x2f are reserved for containers, those from 0x39 for value types. */
export const Extension = {
  bigInteger: 0x01,
  utf16: 0x02,
  byteArray: 0x03,
  handle: 0x04,
  request: 0x05,
  /** A JavaScript object that Python holds. */
  jsObject: 0x07,
  /** An array of numbers over memory that both languages use. */
  array: 0x08,
  /** An array of numbers that is copied into the message. */
  copiedArray: 0x09,
  /** One byte long: it says what the array or map header right after it stands for. */
  container: 0x06,
  /** One byte long: the number of a shape, whose names and first object follow. */
  shape: 0x10,
  /** One byte long: the number of a shape, the values of one object of which follow. */
  record: 0x11,
  /** A list of floats. */
  floats: 0x20,
  /** A list of integers and floats, told apart by what JavaScript would send them as. */
  numbers: 0x21,
  /** A list of integers of 32 bits. */
  integers: 0x22,
  complex: 0x30,
  decimal: 0x31,
  fraction: 0x32,
  uuid: 0x33,
  ellipsis: 0x34,
  dateTime: 0x35,
  date: 0x36,
  time: 0x37,
  timeDelta: 0x38,
} as const

/** What a JavaScript object is for Python: the fifth byte of an `Extension.jsObject` on its way there. */
export const JsKind = {
  object: 0,
  function: 1,
  asyncFunction: 2,
  /** It settles, and JavaScript says so by itself. */
  promise: 3,
  /** Something with a `then`, which nobody calls before Python wants the outcome. */
  thenable: 4,
  iterable: 5,
  iterator: 6,
  asyncIterable: 7,
  asyncIterator: 8,
  /** A stream of bytes. */
  readable: 9,
} as const
export type JsKind = (typeof JsKind)[keyof typeof JsKind]

/** The payload of `Extension.container`. */
export const Container = {
  tuple: 1,
  set: 2,
  frozenSet: 3,
  map: 4,
  range: 5,
  slice: 6,
  path: 7,
  exception: 8,
} as const
