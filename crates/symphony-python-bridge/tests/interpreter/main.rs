//! The bridge on a real interpreter: one process, one interpreter, many tests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod errors;
mod executor;
mod forking;
mod kinds;
mod output;
mod sharing;
mod support;
mod waiting;
