//! Messages that are written and read: those that the bytes are, and those that are made of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| symphony_wire_fuzz::round_trip(bytes));
