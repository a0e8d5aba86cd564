//! Any bytes as the files by which a process attaches, and a right file with any changes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| symphony_pit_fuzz::read_files(bytes));
