//! The pool in one process: what is loaded, lent, unloaded and refused, and in which order.
#![cfg(unix)]

mod failing;
mod fixture;
mod lending;
mod making_room;
mod watching;
