//! Real child processes. This test binary is also their program: started again with the one test [`child_process`], it
//! does what its environment says.
#![cfg(unix)]
#![expect(
    clippy::exit,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what the children of these tests do"
)]

mod begin;
mod faults;
mod fixture;
mod leaks;
mod life;
mod misbehaviour;
mod orphans;
mod python;
mod rules;
mod soak;
mod strays;

/// The program of all children. Without a Conductor, it finds none.
#[test]
fn child_process() {
    match symphony_conductor::child::Child::from_env().expect("what was announced is there") {
        Some(child) => misbehaviour::run(&child),
        None => assert!(
            std::env::var_os(misbehaviour::WHEN).is_none(),
            "a child that has no parent"
        ),
    }
}
