//! The bridge on a real interpreter: one process, one interpreter, many tests.

mod executor;
mod kinds;
mod support;
