//! Any bytes, read to the end or to the first error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| symphony_wire_fuzz::read_anything(bytes));
