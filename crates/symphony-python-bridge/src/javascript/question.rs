//! What Python asks JavaScript, and how the answer comes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRecursionError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use symphony_wire::{Reader, Writer};

use super::objects::Reference;
use super::patience::{self, Patience};
use super::settlement::Settlement;
use super::thrown;
use crate::async_support::{Channel, Closed, Crossings};
use crate::types::{self, Returns};
use crate::{interpreter, releases};

/// The operations, as `docs/internal/native-interface.md` lists them.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Operation {
    Attribute = 0,
    Call = 1,
    Keys = 2,
    Item = 3,
    Contains = 4,
    Items = 5,
    Names = 6,
    Iterate = 7,
    Step = 8,
    // Nobody waits for the answers to those that follow.
    Watch = 9,
    AsyncIterate = 10,
    AsyncStep = 11,
    EndStream = 12,
}

impl Operation {
    /// Those that Python code of the bridge asks for, by the numbers that it uses.
    pub(super) fn of(number: u8) -> Option<Self> {
        [
            Self::Iterate,
            Self::Step,
            Self::AsyncIterate,
            Self::AsyncStep,
            Self::EndStream,
        ]
        .into_iter()
        .find(|operation| *operation as u8 == number)
    }
}

/// The first byte of an answer.
mod status {
    pub(super) const VALUE: u8 = 0;
    pub(super) const THROWN: u8 = 1;
    pub(super) const MISSING: u8 = 2;
}

/// What JavaScript answered: a status and a wire value.
pub struct Answer {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the environment keeps what the answer names until it hears that it was read.
    pub pinned: bool,
}

/// A question under way, asked by a thread that waits for it, or by one that does not.
pub struct Question {
    number: u32,
    bytes: Vec<u8>,
    /// Of one that nobody waits for: the handles that it takes to JavaScript.
    posted: Option<Vec<u32>>,
    stage: Mutex<Stage>,
    changed: Condvar,
}

enum Stage {
    /// Nobody has begun to answer.
    Asked,
    /// It is on its way to another process, where nobody may have begun.
    Sent,
    Begun,
    /// `None`: JavaScript could not run to the end.
    Answered(Option<Answer>),
    /// Nobody waits any more, or nobody will answer; the question was not begun.
    Refused(Refusal),
}

/// Why a question was not begun.
#[derive(Clone, Copy)]
enum Refusal {
    /// JavaScript's thread did not come to it in time.
    Overdue,
    /// The same, of one that was sent, with what it names.
    OverdueElsewhere,
    /// The environment ended.
    Closed,
}

impl Question {
    fn new(number: u32, bytes: Vec<u8>, posted: Option<Vec<u32>>) -> Self {
        Self {
            number,
            bytes,
            posted,
            stage: Mutex::new(Stage::Asked),
            changed: Condvar::new(),
        }
    }

    /// The number by which the environment hears that its answer was read.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The operation, the number of the object, that of `this` or 0, and an array of what the operation needs.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Somebody begins to answer; `false` if nobody waits for that any more.
    pub fn begin(&self) -> bool {
        let mut stage = lock(&self.stage);
        let waits = matches!(*stage, Stage::Asked);
        if waits {
            *stage = Stage::Begun;
        }
        waits
    }

    /// It goes to another process; `false` if nobody waits for an answer any more.
    pub(crate) fn send(&self) -> bool {
        let mut stage = lock(&self.stage);
        let waits = matches!(*stage, Stage::Asked);
        if waits {
            *stage = Stage::Sent;
        }
        waits
    }

    /// Ends the wait. `None` says that JavaScript cannot run any more. Whether anybody waited.
    pub fn settle(&self, answer: Option<Answer>) -> bool {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Refused(_)) {
            return false;
        }
        *stage = Stage::Answered(answer);
        drop(stage);
        self.changed.notify_all();
        true
    }

    fn refuse(&self, refusal: Refusal) {
        // Nobody else gives them back.
        for &handle in self.posted.iter().flatten() {
            releases::crossing(handle);
        }
        *lock(&self.stage) = Stage::Refused(refusal);
        self.changed.notify_all();
    }

    /// Waits for the answer.
    fn wait(&self, channel: &Channel) -> Result<Option<Answer>, Refusal> {
        let mut patience = Patience::new(channel);
        let mut stage = lock(&self.stage);
        loop {
            match &mut *stage {
                Stage::Answered(answer) => return Ok(answer.take()),
                Stage::Asked | Stage::Sent => {
                    let Some(left) = patience.left(channel) else {
                        *stage = Stage::Refused(match &*stage {
                            Stage::Sent => Refusal::OverdueElsewhere,
                            _ => Refusal::Overdue,
                        });
                        continue;
                    };
                    let waited = self.changed.wait_timeout(stage, left);
                    stage = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Stage::Refused(refusal) => return Err(*refusal),
                Stage::Begun => {
                    stage = self.changed.wait(stage).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// The questions of one environment that nobody has begun to answer, and the answers that were read.
#[derive(Default)]
pub(crate) struct Questions(Mutex<State>);

#[derive(Default)]
struct State {
    asked: VecDeque<Arc<Question>>,
    read: Vec<u32>,
    last: u32,
    closed: bool,
}

impl Questions {
    /// Numbers of questions that pinned something and were read.
    pub(crate) fn take_read(&self, numbers: &mut Vec<u32>) {
        std::mem::swap(&mut lock(&self.0).read, numbers);
    }

    /// The next question to be answered.
    pub(crate) fn next(&self) -> Option<Arc<Question>> {
        lock(&self.0).asked.pop_front()
    }

    /// Whether any waits.
    pub(crate) fn any(&self) -> bool {
        !lock(&self.0).asked.is_empty()
    }

    /// Nobody answers any more.
    pub(crate) fn close(&self) {
        let asked = {
            let mut state = lock(&self.0);
            state.closed = true;
            std::mem::take(&mut state.asked)
        };
        for question in asked {
            question.refuse(Refusal::Closed);
        }
    }

    /// Whether nobody answers any more.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.0).closed
    }

    /// A number for an answer; never 0.
    pub(crate) fn number(&self) -> u32 {
        let mut state = lock(&self.0);
        state.last = state.last.checked_add(1).unwrap_or(1);
        state.last
    }

    /// Queues a question; whether the environment has to be woken, or nothing if nobody will answer.
    fn ask(&self, question: &Arc<Question>) -> Option<bool> {
        let mut state = lock(&self.0);
        if state.closed {
            return None;
        }
        state.asked.push_back(Arc::clone(question));
        Some(state.asked.len() == 1)
    }

    pub(crate) fn was_read(&self, number: u32) -> bool {
        let mut state = lock(&self.0);
        state.read.push(number);
        state.read.len() == 1
    }
}

/// What JavaScript gave.
pub(super) enum Outcome<'py> {
    Value(Bound<'py, PyAny>),
    /// There is no such attribute, or key.
    Missing,
}

/// A question under construction.
pub(super) struct Draft<'a> {
    channel: &'a Arc<Channel>,
    object: u32,
    writer: Writer,
    crossings: Crossings<'a>,
}

impl<'a> Draft<'a> {
    /// About the object of that number.
    pub(super) fn about(channel: &'a Arc<Channel>, object: u32, operation: Operation, parts: usize) -> PyResult<Self> {
        Self::begin(channel, object, 0, operation, parts)
    }

    /// `parts` counts what will be written behind it.
    pub(super) fn new(reference: &'a Reference, operation: Operation, parts: usize) -> PyResult<Self> {
        Self::with_this(reference, None, operation, parts)
    }

    /// With the object that is `this` in a call. One of another environment has no number in this one.
    pub(super) fn with_this(
        reference: &'a Reference,
        this: Option<&Reference>,
        operation: Operation,
        parts: usize,
    ) -> PyResult<Self> {
        let this = this.filter(|this| Arc::ptr_eq(this.channel(), reference.channel()));
        let this = this.map_or(0, Reference::id);
        Self::begin(reference.channel(), reference.id(), this, operation, parts)
    }

    fn begin(channel: &'a Arc<Channel>, object: u32, this: u32, operation: Operation, parts: usize) -> PyResult<Self> {
        let mut writer = Writer::new();
        writer.raw(&[operation as u8]);
        writer.raw(&object.to_le_bytes());
        writer.raw(&this.to_le_bytes());
        writer.array(parts).map_err(too_large)?;
        Ok(Self {
            channel,
            object,
            writer,
            crossings: Crossings::of(channel),
        })
    }

    pub(super) fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Writes a value; `root` spells where it stands.
    pub(super) fn value(&mut self, value: &Bound<'_, PyAny>, root: &dyn Fn() -> String) -> PyResult<()> {
        types::encode(value, Returns::Auto, &mut self.writer, &mut self.crossings).map_err(|error| {
            self.crossings.give_back(value.py());
            match error.exception() {
                Some(exception) => exception.clone_ref(value.py()),
                None => PyTypeError::new_err(format!("{}{error}", root())),
            }
        })
    }

    /// Asks, and waits for the answer without the GIL.
    pub(super) fn ask(self, py: Python<'_>) -> PyResult<Outcome<'_>> {
        let Self {
            channel,
            writer,
            mut crossings,
            ..
        } = self;
        let number = channel.questions().number();
        let asked = py.detach(|| ask(channel, number, writer.into_vec()));
        match asked {
            Ok(Some(answer)) => read(py, channel, number, &answer),
            // What the question named has been taken over.
            Ok(None) => Err(ended()),
            Err(Refusal::Closed) => {
                crossings.give_back(py);
                Err(ended())
            }
            Err(Refusal::Overdue) => {
                crossings.give_back(py);
                Err(patience::overdue(py, channel))
            }
            // JavaScript will find what it names, if late.
            Err(Refusal::OverdueElsewhere) => Err(patience::overdue(py, channel)),
        }
    }

    /// Asks without waiting: JavaScript comes to it when its event loop does. Gives where it will say what became of it.
    pub(super) fn post(self) -> PyResult<Arc<Settlement>> {
        let number = self.channel.questions().number();
        let settlement = self.channel.settlements().of_question(number);
        self.send(number)?;
        Ok(settlement)
    }

    /// The same where nothing becomes of it.
    pub(super) fn post_only(self) -> PyResult<()> {
        let number = self.channel.questions().number();
        self.send(number)
    }

    fn send(self, number: u32) -> PyResult<()> {
        let Self {
            channel,
            object,
            writer,
            crossings,
        } = self;
        if !interpreter::is_running() {
            return Err(ended());
        }
        // Python may drop the object before JavaScript has come to this; it says when it has.
        channel.objects().leaves(object);
        let question = Arc::new(Question::new(number, writer.into_vec(), Some(crossings.into_handles())));
        match channel.questions().ask(&question) {
            Some(true) => channel.wake(),
            Some(false) => {}
            None => {
                question.refuse(Refusal::Closed);
                return Err(ended());
            }
        }
        Ok(())
    }
}

pub(super) fn ended() -> PyErr {
    PyRuntimeError::new_err("the JavaScript environment of this object has ended")
}

fn ask(channel: &Arc<Channel>, number: u32, bytes: Vec<u8>) -> Result<Option<Answer>, Refusal> {
    // Not in a forked child, which has no JavaScript: its copy of V8 may not run.
    if !interpreter::is_running() {
        return Err(Refusal::Closed);
    }
    if channel.is_own_thread() {
        return channel.answer_here(number, &bytes).map_err(|Closed| Refusal::Closed);
    }
    let question = Arc::new(Question::new(number, bytes, None));
    match channel.questions().ask(&question) {
        None => return Err(Refusal::Closed),
        Some(true) => channel.wake(),
        Some(false) => {}
    }
    question.wait(channel)
}

pub(super) fn read<'py>(
    py: Python<'py>,
    channel: &Arc<Channel>,
    number: u32,
    answer: &Answer,
) -> PyResult<Outcome<'py>> {
    let outcome = read_answer(py, channel, &answer.bytes);
    if answer.pinned && channel.questions().was_read(number) {
        channel.wake();
    }
    outcome
}

pub(super) fn read_answer<'py>(py: Python<'py>, channel: &Arc<Channel>, bytes: &[u8]) -> PyResult<Outcome<'py>> {
    let Some((&status, value)) = bytes.split_first() else {
        return Err(PyRecursionError::new_err(
            "JavaScript could not answer: its stack is at its end, or there is no memory left",
        ));
    };
    if status == status::MISSING {
        return Ok(Outcome::Missing);
    }
    let mut reader = Reader::new(value);
    let references = Crossings::of(channel);
    let decoded = types::decode(py, &mut reader, &|| "result".to_owned(), &references);
    let value = decoded.map_err(|error| match error.exception() {
        Some(exception) => exception.clone_ref(py),
        // What it names is gone with the environment.
        None if channel.is_closed() => ended(),
        None => PyTypeError::new_err(error.to_string()),
    })?;
    match status {
        status::VALUE => Ok(Outcome::Value(value)),
        status::THROWN => Err(thrown::raised(&value)),
        other => Err(PyRuntimeError::new_err(format!(
            "JavaScript gave an answer of the unknown status {other}"
        ))),
    }
}

pub(super) fn too_large(error: symphony_wire::WireError) -> PyErr {
    PyTypeError::new_err(format!("the value is too large: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
