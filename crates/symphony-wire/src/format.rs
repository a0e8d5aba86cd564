//! The numbers of the format: its version, MessagePack's lead bytes and our extension codes.

/// The version of the format. Both halves of one package always have the same; streams that leave the process begin
/// with it.
pub const VERSION: u8 = 1;

/// MessagePack's lead bytes, under the names of its specification.
pub(crate) mod lead {
    pub(crate) const POSITIVE_FIXINT_MAX: u8 = 0x7f;
    pub(crate) const FIXMAP: u8 = 0x80;
    pub(crate) const FIXARRAY: u8 = 0x90;
    pub(crate) const FIXSTR: u8 = 0xa0;
    pub(crate) const NIL: u8 = 0xc0;
    pub(crate) const FALSE: u8 = 0xc2;
    pub(crate) const TRUE: u8 = 0xc3;
    pub(crate) const BIN8: u8 = 0xc4;
    pub(crate) const BIN16: u8 = 0xc5;
    pub(crate) const BIN32: u8 = 0xc6;
    pub(crate) const EXT8: u8 = 0xc7;
    pub(crate) const EXT16: u8 = 0xc8;
    pub(crate) const EXT32: u8 = 0xc9;
    pub(crate) const FLOAT64: u8 = 0xcb;
    pub(crate) const UINT8: u8 = 0xcc;
    pub(crate) const UINT16: u8 = 0xcd;
    pub(crate) const UINT32: u8 = 0xce;
    pub(crate) const UINT64: u8 = 0xcf;
    pub(crate) const INT8: u8 = 0xd0;
    pub(crate) const INT16: u8 = 0xd1;
    pub(crate) const INT32: u8 = 0xd2;
    pub(crate) const INT64: u8 = 0xd3;
    pub(crate) const FIXEXT1: u8 = 0xd4;
    pub(crate) const FIXEXT2: u8 = 0xd5;
    pub(crate) const FIXEXT4: u8 = 0xd6;
    pub(crate) const FIXEXT8: u8 = 0xd7;
    pub(crate) const FIXEXT16: u8 = 0xd8;
    pub(crate) const STR8: u8 = 0xd9;
    pub(crate) const STR16: u8 = 0xda;
    pub(crate) const STR32: u8 = 0xdb;
    pub(crate) const ARRAY16: u8 = 0xdc;
    pub(crate) const ARRAY32: u8 = 0xdd;
    pub(crate) const MAP16: u8 = 0xde;
    pub(crate) const MAP32: u8 = 0xdf;
    pub(crate) const NEGATIVE_FIXINT: u8 = 0xe0;
}

/// Our extension codes. Those from 0x30 are value types; from 0x39 they are reserved for further ones.
pub(crate) mod extension {
    pub(crate) const BIG_INTEGER: u8 = 0x01;
    pub(crate) const UTF16: u8 = 0x02;
    pub(crate) const BYTE_ARRAY: u8 = 0x03;
    pub(crate) const HANDLE: u8 = 0x04;
    pub(crate) const REQUEST: u8 = 0x05;
    pub(crate) const JS_OBJECT: u8 = 0x07;
    /// An array of numbers over memory that both languages use.
    pub(crate) const ARRAY: u8 = 0x08;
    /// An array of numbers that is copied into the message.
    pub(crate) const COPIED_ARRAY: u8 = 0x09;
    /// One byte long: it says what the array or map header right after it stands for.
    pub(crate) const CONTAINER: u8 = 0x06;
    /// One byte long: the number of a shape, whose keys and first record follow.
    pub(crate) const SHAPE: u8 = 0x10;
    /// One byte long: the number of a shape, the values of one record of which follow.
    pub(crate) const RECORD: u8 = 0x11;
    /// A list of floats.
    pub(crate) const FLOATS: u8 = 0x20;
    /// A list of JavaScript numbers.
    pub(crate) const NUMBERS: u8 = 0x21;
    /// A list of integers of 32 bits.
    pub(crate) const INTEGERS: u8 = 0x22;
    pub(crate) const COMPLEX: u8 = 0x30;
    pub(crate) const DECIMAL: u8 = 0x31;
    pub(crate) const FRACTION: u8 = 0x32;
    pub(crate) const UUID: u8 = 0x33;
    pub(crate) const ELLIPSIS: u8 = 0x34;
    pub(crate) const DATE_TIME: u8 = 0x35;
    pub(crate) const DATE: u8 = 0x36;
    pub(crate) const TIME: u8 = 0x37;
    pub(crate) const TIME_DELTA: u8 = 0x38;
}

/// The payload of [`extension::CONTAINER`].
pub(crate) mod container {
    pub(crate) const TUPLE: u8 = 1;
    pub(crate) const SET: u8 = 2;
    pub(crate) const FROZEN_SET: u8 = 3;
    pub(crate) const MAP: u8 = 4;
    pub(crate) const RANGE: u8 = 5;
    pub(crate) const SLICE: u8 = 6;
    pub(crate) const PATH: u8 = 7;
    pub(crate) const EXCEPTION: u8 = 8;
}
