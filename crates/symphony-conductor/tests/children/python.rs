//! Real CPython children: what only an interpreter can do wrong.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use symphony_conductor::{ConductorPort, ExitReason, ExitReport, Spec};

use crate::fixture::{Fixture, Orders, spec};

/// A worker that runs `worker.py`.
pub(crate) fn python() -> Spec {
    let mut spec = spec("", "");
    spec.executable = "python3".into();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/children/worker.py");
    spec.args = vec!["-X".into(), "frozen_modules=on".into(), script.into()];
    spec
}

fn after(order: u8, change: impl FnOnce(&mut Spec)) -> Arc<ExitReport> {
    let mut spec = python();
    change(&mut spec);
    let mut fixture = Fixture::start(spec);
    assert!(Orders::to(&fixture.worker()).done(order));
    let report = fixture.await_death();
    fixture.stop();
    report
}

#[test]
fn a_segmentation_fault_comes_with_the_stack_of_python() {
    let report = after(b's', |_| {});
    assert_eq!((report.reason, report.signal), (ExitReason::Crash, Some(11)));
    let traceback = report.python_traceback.as_deref().unwrap_or_default();
    assert!(
        traceback.starts_with("Fatal Python error: Segmentation fault"),
        "{report:?}"
    );
    assert!(traceback.contains("worker.py"), "{traceback}");
}

#[test]
fn an_exception_that_nobody_catches_is_in_the_end_of_standard_error() {
    let report = after(b'u', |_| {});
    assert_eq!((report.reason, report.code), (ExitReason::Crash, Some(1)));
    assert!(
        report
            .stderr_tail
            .trim_end()
            .ends_with("ZeroDivisionError: division by zero"),
        "{report:?}"
    );
}

#[test]
fn a_limit_of_memory_is_a_memory_error() {
    let report = after(b'm', |spec| spec.limits.address_space = Some(4 << 30));
    assert!(report.stderr_tail.trim_end().ends_with("MemoryError"), "{report:?}");
}

#[test]
fn python_code_that_wants_a_new_process_gets_one() {
    let report = after(b'f', |_| {});
    assert_eq!(
        (report.reason, report.code),
        (ExitReason::Fatal, Some(symphony_conductor::EXIT_FATAL))
    );
}

#[test]
fn stacks_are_written_while_c_code_holds_the_gil() {
    let mut fixture = Fixture::start(python());
    let worker = fixture.worker();
    assert!(Orders::to(&worker).done(b'x'));
    let connection: OwnedFd = worker.connect().unwrap();
    let idle = fixture.conductor.dump(worker.id()).unwrap();
    assert!(idle.contains("worker.py"), "{idle}");
    drop(connection);
    let mut orders = Orders::to(&worker);
    assert!(orders.done(b'c'));
    // It has answered and is about to begin; then nothing of Python runs any more.
    let spinning = loop {
        let dump = fixture.conductor.dump(worker.id()).unwrap();
        if dump.contains("spin_in_c") {
            break dump;
        }
    };
    assert!(spinning.contains("most recent call first"), "{spinning}");
    fixture.conductor.stop().unwrap();
    assert_eq!(
        fixture.await_stop().signal,
        Some(15),
        "Python has no handler for SIGTERM"
    );
}

#[test]
fn a_process_that_hears_no_sigterm_leaves_its_stack() {
    let mut fixture = Fixture::start(python());
    assert!(Orders::to(&fixture.worker()).done(b'd'));
    // `deaf` has been entered when the stack says so.
    while !fixture.conductor.dump(fixture.worker().id()).unwrap().contains("deaf") {}
    fixture.conductor.stop().unwrap();
    let report = fixture.await_stop();
    assert_eq!((report.reason, report.signal), (ExitReason::Killed, Some(6)));
    let traceback = report.python_traceback.as_deref().unwrap_or_default();
    assert!(
        traceback.starts_with("Fatal Python error: Aborted") && traceback.contains("deaf"),
        "{report:?}"
    );
}

#[test]
fn a_program_that_python_cannot_run_fails_the_start_with_its_words() {
    let mut spec = python();
    spec.args = vec!["-c".into(), "import no_such_module".into()];
    let Err(error) = Fixture::try_start(spec) else {
        panic!("it started")
    };
    assert!(
        error
            .to_string()
            .ends_with("ModuleNotFoundError: No module named 'no_such_module'"),
        "{error}"
    );
}
