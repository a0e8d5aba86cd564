//! The pool in one process: what is loaded, lent, unloaded and refused, and in which order.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod failing;
mod fixture;
mod lending;
mod making_room;
mod watching;
