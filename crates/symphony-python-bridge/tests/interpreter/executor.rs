//! Queued requests on real executor threads: chains, cancellation, sessions, isolation, failures.

use pyo3::types::PyAnyMethods;

use crate::support::{GATE, Host, Request, Target, attached, call, error_code, handle, integer};
use symphony_python_bridge::async_support::{self, Cancellation};
use symphony_python_bridge::handles;

#[test]
fn a_chain_converts_only_its_last_result() {
    let host = Host::new();
    let text = handle("", "'a b c'");
    let first = Request {
        convert: false,
        ..call(1, Target::Handle(text), "split")
    };
    let second = Request {
        ..call(2, Target::Request(1), "__len__")
    };
    host.submit(&[first, second]);
    assert_eq!(integer(&host.wait(2).value), 3);
    let kept = host.wait(1);
    assert_eq!((kept.status, kept.value.len()), (2, 0));
}

#[test]
fn a_request_waits_for_the_one_it_names_even_across_sessions() {
    let host = Host::new();
    let gate = handle(GATE, "gate");
    let session = async_support::open_session();
    host.submit(&[
        Request {
            session,
            ..call(1, Target::Handle(gate), "wait")
        },
        Request {
            ..call(2, Target::Request(1), "bit_length")
        },
        Request {
            ..call(3, Target::Handle(gate), "entered.is_set")
        },
    ]);
    // Request 3 names an attribute that does not exist, so it fails at once: the pool is not blocked by request 2.
    assert_eq!(error_code(&host.wait(3).value), "ERR_PYTHON_EXCEPTION");
    attached(|py| {
        handles::get(py, gate)
            .unwrap()
            .getattr("open")
            .unwrap()
            .call_method0("set")
            .unwrap()
            .is_none()
    });
    assert_eq!(integer(&host.wait(2).value), 1);
    async_support::close_session(session);
}

#[test]
fn a_failure_becomes_that_of_every_request_built_on_it() {
    let host = Host::new();
    let text = handle("", "'text'");
    host.submit(&[
        Request {
            convert: false,
            ..call(1, Target::Handle(text), "no_such_method")
        },
        call(2, Target::Request(1), "upper"),
        call(3, Target::Request(2), "upper"),
    ]);
    for id in [1, 2, 3] {
        let completion = host.wait(id);
        assert_eq!(
            (completion.status, error_code(&completion.value).as_str()),
            (1, "ERR_PYTHON_EXCEPTION")
        );
    }
}

#[test]
fn a_cancelled_request_never_starts_and_its_dependants_say_so() {
    let host = Host::new();
    let gate = handle(GATE, "gate");
    let session = async_support::open_session();
    host.submit(&[
        Request {
            session,
            ..call(1, Target::Handle(gate), "wait")
        },
        Request {
            session,
            ..call(2, Target::Handle(gate), "wait")
        },
        Request {
            session,
            ..call(3, Target::Request(2), "bit_length")
        },
    ]);
    attached(|py| {
        let entered = handles::get(py, gate).unwrap().getattr("entered").unwrap();
        entered.call_method0("wait").unwrap();
    });
    assert_eq!(host.channel.cancel(2), Cancellation::NotStarted);
    assert_eq!(host.channel.cancel(2), Cancellation::TooLate, "once is enough");
    attached(|py| {
        handles::get(py, gate)
            .unwrap()
            .getattr("open")
            .unwrap()
            .call_method0("set")
            .unwrap()
            .is_none()
    });
    assert_eq!(error_code(&host.wait(3).value), "ERR_CANCELLED");
    assert_eq!(integer(&host.wait(1).value), 1);
    assert!(!host.received().contains(&2), "a cancelled request has no completion");
    async_support::close_session(session);
}

#[test]
fn a_running_request_is_interrupted() {
    const CODE: &str = "
import threading
started = threading.Event()
def spin():
    started.set()
    while True:
        pass
";
    let host = Host::new();
    let spinner = handle(CODE, "spin");
    let started = handle(CODE, "started");
    host.submit(&[Request {
        path: Vec::new(),
        ..call(1, Target::Handle(spinner), "")
    }]);
    attached(|py| {
        let function = handles::get(py, spinner).unwrap();
        let started = function.getattr("__globals__").unwrap().get_item("started").unwrap();
        started.call_method0("wait").unwrap();
    });
    assert_eq!(host.channel.cancelled_place(1), Cancellation::OnThread);
    assert_eq!(host.channel.cancel(1), Cancellation::OnThread);
    assert_eq!(error_code(&host.wait(1).value), "ERR_CANCELLED");
    assert_eq!(host.channel.cancel(1), Cancellation::TooLate);
    host.submit(&[call(2, Target::Handle(started), "is_set")]);
    assert_eq!(host.wait(2).status, 0, "the thread is free of the exception");
}

#[test]
fn a_session_keeps_thread_and_context_and_the_pool_keeps_neither() {
    const CODE: &str = "
import contextvars, threading
variable = contextvars.ContextVar('variable', default=0)
def bump():
    variable.set(variable.get() + 1)
    return variable.get()
def thread():
    return threading.get_ident()
class Both: pass
both = Both()
both.bump, both.thread = bump, thread
";
    let host = Host::new();
    let both = handle(CODE, "both");
    let session = async_support::open_session();
    for id in 1..=3 {
        host.submit(&[Request {
            session,
            ..call(id, Target::Handle(both), "bump")
        }]);
        assert_eq!(
            integer(&host.wait(id).value),
            i64::from(id),
            "the session's context goes on"
        );
    }
    host.submit(&[
        Request {
            session,
            ..call(4, Target::Handle(both), "thread")
        },
        Request {
            session,
            ..call(5, Target::Handle(both), "thread")
        },
    ]);
    assert_eq!(host.wait(4).value, host.wait(5).value);
    async_support::close_session(session);
    for id in 6..=9 {
        host.submit(&[call(id, Target::Handle(both), "bump")]);
        assert_eq!(integer(&host.wait(id).value), 1, "a pool job starts from a fresh copy");
    }
    host.submit(&[Request {
        session,
        ..call(10, Target::Handle(both), "bump")
    }]);
    assert_eq!(error_code(&host.wait(10).value), "ERR_CLOSED");
}

#[test]
fn system_exit_and_keyboard_interrupt_are_errors_like_any_other() {
    const CODE: &str = "
class Raises:
    def exit(self): raise SystemExit(3)
    def interrupt(self): raise KeyboardInterrupt
    def fine(self): return 7
raises = Raises()
";
    let host = Host::new();
    let raises = handle(CODE, "raises");
    host.submit(&[
        call(1, Target::Handle(raises), "exit"),
        call(2, Target::Handle(raises), "interrupt"),
        call(3, Target::Handle(raises), "fine"),
    ]);
    assert_eq!(error_code(&host.wait(1).value), "ERR_PYTHON_EXCEPTION");
    assert_eq!(error_code(&host.wait(2).value), "ERR_PYTHON_EXCEPTION");
    assert_eq!(integer(&host.wait(3).value), 7);
}

#[test]
fn an_outcome_is_freed_when_its_request_is_released() {
    const CODE: &str = "
import weakref
class Thing: pass
made = []
class Maker:
    def make(self):
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing
    def alive(self):
        return sum(reference() is not None for reference in made)
maker = Maker()
";
    let host = Host::new();
    let maker = handle(CODE, "maker");
    host.submit(&[Request {
        convert: false,
        ..call(1, Target::Handle(maker), "make")
    }]);
    host.wait(1);
    host.submit(&[call(2, Target::Handle(maker), "alive")]);
    assert_eq!(integer(&host.wait(2).value), 1);
    host.channel.release(&[1]);
    // The executor drains releases before it detaches, so one job more is enough to see the effect.
    let mut id = 3;
    loop {
        host.submit(&[call(id, Target::Handle(maker), "alive")]);
        if integer(&host.wait(id).value) == 0 {
            break;
        }
        id += 1;
    }
}

#[test]
fn bytes_that_are_no_requests_are_refused_whole() {
    let host = Host::new();
    let good = Request::new(1, 11, Target::Handle(1)).bytes();
    for bytes in [&good[..good.len() - 1], &[0; 3], &[255; 64]] {
        let error = async_support::submit(&host.channel, bytes).unwrap_err();
        assert_eq!(error.code().as_str(), "ERR_PROTOCOL");
    }
    assert_eq!(host.channel.request_count(), 0);
}

#[test]
fn an_unknown_operation_handle_or_request_is_our_bug_and_not_a_crash() {
    let host = Host::new();
    let text = handle("", "'text'");
    host.submit(&[
        Request::new(1, 200, Target::Handle(text)),
        Request::new(2, 11, Target::Handle(1_000_000)),
        Request::new(3, 11, Target::Request(1_000_000)),
        Request::new(4, 11, Target::Nothing),
    ]);
    for id in 1..=4 {
        assert_eq!(error_code(&host.wait(id).value), "ERR_PROTOCOL");
    }
}
