//! Requests that name other requests: when they run, how often, and what becomes of them if they cannot.

use std::time::Duration;

use pyo3::types::PyAnyMethods;
use symphony_python_bridge::{async_support, handles, interpreter};

use crate::support::{GATE, Host, Request, Target, attached, call, error_code, handle, integer, is_own_process};

fn enter(gate: u32) {
    attached(|py| {
        let entered = handles::get(py, gate).unwrap().getattr("entered").unwrap();
        entered.call_method0("wait").unwrap();
    });
}

fn open(gate: u32) {
    attached(|py| {
        let open = handles::get(py, gate).unwrap().getattr("open").unwrap();
        open.call_method0("set").unwrap();
    });
}

const COUNTER: &str = "
class Counter:
    seen = 0
    @property
    def step(self):
        Counter.seen += 1
        return self
    def count(self, *rest): return Counter.seen
counter = Counter()
";

fn on_first(writer: &mut symphony_wire::Writer) {
    writer.array(1).unwrap();
    writer.request(1);
}

#[test]
fn the_path_of_a_request_that_waits_is_walked_once() {
    let host = Host::new();
    let gate = handle(GATE, "gate");
    let counter = handle(COUNTER, "counter");
    host.submit(&[
        call(1, Target::Handle(gate), "wait"),
        Request {
            path: vec!["step", "count"],
            arguments: on_first,
            ..call(2, Target::Handle(counter), "")
        },
        // Behind it in the pool, so that the waiting one was looked at when this one is done.
        call(3, Target::Handle(counter), "count"),
    ]);
    enter(gate);
    assert_eq!(integer(&host.wait(3).value), 0, "nothing ran yet");
    open(gate);
    assert_eq!(integer(&host.wait(2).value), 1);
}

#[test]
fn a_request_that_waits_can_be_cancelled_and_stays_so() {
    let host = Host::new();
    let gate = handle(GATE, "gate");
    let counter = handle(COUNTER, "counter");
    host.submit(&[
        call(1, Target::Handle(gate), "wait"),
        Request {
            path: vec!["step", "count"],
            arguments: on_first,
            ..call(2, Target::Handle(counter), "")
        },
        call(3, Target::Handle(counter), "count"),
    ]);
    enter(gate);
    host.wait(3);
    assert_eq!(host.channel.cancel(2), async_support::Cancellation::NotStarted);
    open(gate);
    host.wait(1);
    host.submit(&[call(4, Target::Handle(counter), "count")]);
    assert_eq!(integer(&host.wait(4).value), 0);
    assert!(!host.received().contains(&2));
}

#[test]
fn a_request_fails_with_its_argument_before_any_of_it_runs() {
    let host = Host::new();
    let counter = handle(COUNTER, "counter");
    host.submit(&[call(1, Target::Handle(counter), "no_such_method")]);
    host.wait(1);
    host.submit(&[Request {
        path: vec!["step", "count"],
        arguments: on_first,
        ..call(2, Target::Handle(counter), "")
    }]);
    assert_eq!(error_code(&host.wait(2).value), "ERR_PYTHON_EXCEPTION");
    host.submit(&[call(3, Target::Handle(counter), "count")]);
    assert_eq!(integer(&host.wait(3).value), 0);
}

#[test]
fn a_closed_session_still_serves_its_requests_that_wait() {
    let host = Host::new();
    let gate = handle(GATE, "gate");
    let session = async_support::open_session();
    host.submit(&[
        call(1, Target::Handle(gate), "wait"),
        Request {
            session,
            ..call(2, Target::Request(1), "bit_length")
        },
        Request {
            session,
            ..call(3, Target::Request(2), "bit_length")
        },
        Request {
            session,
            ..call(4, Target::Handle(gate), "entered.is_set")
        },
    ]);
    enter(gate);
    host.wait(4);
    async_support::close_session(session);
    open(gate);
    assert_eq!(integer(&host.wait(2).value), 1);
    assert_eq!(integer(&host.wait(3).value), 1);
    host.submit(&[Request {
        session,
        ..call(5, Target::Handle(gate), "wait")
    }]);
    assert_eq!(error_code(&host.wait(5).value), "ERR_CLOSED");
}

#[test]
fn a_long_chain_is_refused_at_the_end() {
    const LENGTH: u32 = 100_000;
    // It stops Python.
    if !is_own_process("waiting::a_long_chain_is_refused_at_the_end") {
        return;
    }
    let host = Host::new();
    let gate = handle(GATE, "gate");
    let mut requests = vec![call(1, Target::Handle(gate), "wait")];
    requests.extend((2..=LENGTH).map(|id| call(id, Target::Request(id - 1), "bit_length")));
    host.submit(&requests);
    // Behind the chain in the queue: all of the chain is parked when it is done.
    host.submit(&[call(LENGTH + 1, Target::Handle(gate), "no_such_method")]);
    host.wait(LENGTH + 1);
    enter(gate);
    interpreter::shutdown(Duration::from_secs(5));
    open(gate);
    assert_eq!(error_code(&host.wait(LENGTH).value), "ERR_CLOSED");
    assert_eq!(integer(&host.wait(1).value), 1);
}
