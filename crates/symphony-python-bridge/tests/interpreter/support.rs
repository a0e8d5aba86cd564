//! A started interpreter and requests in bytes, for the integration tests.

use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};

use pyo3::prelude::*;
use symphony_python_bridge::async_support::{self, Channel, Wake};
use symphony_python_bridge::gil::ThreadState;
use symphony_python_bridge::{handles, interpreter, names};
use symphony_wire::{Reader, Token, Writer};

static START: Once = Once::new();

/// The interpreter under test: the one PyO3 was built against.
pub(crate) fn executable() -> String {
    std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Starts the interpreter once a test process.
pub(crate) fn start() {
    START.call_once(|| {
        let output = std::process::Command::new(executable())
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("a Python interpreter runs");
        let executable = String::from_utf8(output.stdout).unwrap();
        let settings = serde_json::json!({ "executable": executable.trim(), "libpython": null, "threads": 3 });
        interpreter::start(&settings.to_string()).expect("the interpreter starts");
    });
}

/// Runs `body` attached, on this test's thread.
pub(crate) fn attached<R>(body: impl FnOnce(Python<'_>) -> R) -> R {
    start();
    let guard = ThreadState::of_current_thread().attach();
    let result = Python::attach(body);
    drop(guard);
    result
}

/// The handle id of what an expression gives, after running `code`.
pub(crate) fn handle(code: &str, expression: &str) -> u32 {
    attached(|py| {
        let names = pyo3::types::PyDict::new(py);
        py.run(&std::ffi::CString::new(code).unwrap(), Some(&names), None)
            .unwrap();
        let object = py
            .eval(&std::ffi::CString::new(expression).unwrap(), Some(&names), None)
            .unwrap();
        handles::export(&object).0
    })
}

/// What a target is.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Nothing,
    Handle(u32),
    Request(u32),
}

/// One request under construction.
pub(crate) struct Request {
    pub(crate) id: u32,
    pub(crate) session: u32,
    pub(crate) operation: u8,
    pub(crate) returns: u8,
    pub(crate) convert: bool,
    pub(crate) target: Target,
    pub(crate) path: Vec<&'static str>,
    pub(crate) arguments: fn(&mut Writer),
}

impl Request {
    pub(crate) fn new(id: u32, operation: u8, target: Target) -> Self {
        Self {
            id,
            session: 0,
            operation,
            returns: 0,
            convert: true,
            target,
            path: Vec::new(),
            arguments: |writer| writer.array(0).unwrap(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self.target {
            Target::Nothing => writer.nil(),
            Target::Handle(id) => writer.handle_reference(id),
            Target::Request(id) => writer.request(id),
        }
        writer.array(self.path.len()).unwrap();
        for name in &self.path {
            writer.integer(names::number(name).into());
        }
        (self.arguments)(&mut writer);
        writer.nil();
        let body = writer.into_vec();
        let mut bytes = Vec::new();
        bytes.extend(u32::try_from(body.len() + 12).unwrap().to_le_bytes());
        bytes.extend(self.id.to_le_bytes());
        bytes.extend(self.session.to_le_bytes());
        bytes.extend([self.operation, self.returns, u8::from(self.convert), 0]);
        bytes.extend(body);
        bytes
    }
}

/// A completion as JavaScript would see it.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) struct Completion {
    pub(crate) id: u32,
    pub(crate) status: u8,
    pub(crate) value: Vec<u8>,
}

/// The JavaScript side of a channel: collects completions.
pub(crate) struct Host {
    pub(crate) channel: Arc<Channel>,
    signal: Arc<Signal>,
    received: Mutex<Vec<Completion>>,
}

#[derive(Default)]
struct Signal {
    woken: Mutex<bool>,
    changed: Condvar,
}

struct WakeHost(Arc<Signal>);

impl Wake for WakeHost {
    fn wake(&self) {
        *self.0.woken.lock().unwrap() = true;
        self.0.changed.notify_all();
    }
}

impl Host {
    pub(crate) fn new() -> Self {
        start();
        let signal = Arc::new(Signal::default());
        let channel = Channel::new(Box::new(WakeHost(Arc::clone(&signal))));
        Self {
            channel,
            signal,
            received: Mutex::default(),
        }
    }

    pub(crate) fn submit(&self, requests: &[Request]) {
        let bytes: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
        assert_eq!(async_support::submit(&self.channel, &bytes).unwrap(), requests.len());
    }

    /// Waits until the request is completed.
    pub(crate) fn wait(&self, id: u32) -> Completion {
        loop {
            if let Some(found) = self
                .received
                .lock()
                .unwrap()
                .iter()
                .find(|completion| completion.id == id)
            {
                return found.clone();
            }
            let mut woken = self.signal.woken.lock().unwrap();
            while !*woken {
                woken = self.signal.changed.wait(woken).unwrap_or_else(PoisonError::into_inner);
            }
            *woken = false;
            drop(woken);
            self.collect();
        }
    }

    /// How many completions have come.
    pub(crate) fn received(&self) -> Vec<u32> {
        self.collect();
        self.received
            .lock()
            .unwrap()
            .iter()
            .map(|completion| completion.id)
            .collect()
    }

    fn collect(&self) {
        let mut batch = Vec::new();
        self.channel.take_completions(&mut batch);
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
            let (one, after) = rest[4..].split_at(length);
            self.received.lock().unwrap().push(Completion {
                id: u32::from_le_bytes(one[..4].try_into().unwrap()),
                status: one[4],
                value: one[5..].to_vec(),
            });
            rest = after;
        }
    }
}

/// The number that a completion holds.
pub(crate) fn integer(value: &[u8]) -> i64 {
    match Reader::new(value).token().unwrap() {
        Token::Integer(integer) => integer,
        token => panic!("expected an integer, got {token:?}"),
    }
}

/// The code of the error that a completion holds.
pub(crate) fn error_code(value: &[u8]) -> String {
    let mut reader = Reader::new(value);
    assert_eq!(reader.token().unwrap(), Token::Array(3));
    match reader.token().unwrap() {
        Token::Text(code) => code.to_owned(),
        token => panic!("expected a code, got {token:?}"),
    }
}

/// An object whose `wait` says that it is entered and returns 1 when somebody opens it.
pub(crate) const GATE: &str = "
import threading
class Gate:
    def __init__(self):
        self.entered = threading.Event()
        self.open = threading.Event()
    def wait(self):
        self.entered.set()
        self.open.wait()
        return 1
gate = Gate()
";

/// A call of a method.
pub(crate) fn call(id: u32, target: Target, name: &'static str) -> Request {
    Request {
        path: vec![name],
        ..Request::new(id, 1, target)
    }
}

/// Runs the test of this name in a process of its own, for what would disturb the others; `true` there.
pub(crate) fn is_own_process(test: &str) -> bool {
    const OWN: &str = "SYMPHONY_TEST_OWN_PROCESS";
    if std::env::var_os(OWN).is_some() {
        return true;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(OWN, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    false
}
