//! One environment's side of asynchronous calls: what became of its requests, and what it is still to be told.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::{Batch, Job};
use crate::errors::Failure;
use crate::gil::Held;
use crate::javascript::{Answer, Called, Objects, Question, Questions, Register, Settlements};
use crate::{interpreter, releases, symbols};

/// Tells an environment's thread that there is something to take. Called from any thread, possibly attached, and once
/// for any number of things until they are taken.
pub trait Wake: Send + Sync {
    /// Wakes it.
    fn wake(&self);

    /// Lets JavaScript answer a question of Python's. Called on the environment's own thread only, while that runs Python for
    /// JavaScript; it is not attached meanwhile. `None` says that JavaScript cannot run any more.
    fn answer(&self, _number: u32, _question: &[u8]) -> Option<Answer> {
        None
    }

    /// Calls a function by its number; likewise on the environment's own thread only, not attached.
    fn call(&self, _function: u32, _arguments: &[Register]) -> Called {
        Called::Dead
    }
}

/// The environment has ended.
pub(crate) struct Closed;

thread_local! {
    /// Its address tells threads apart at the cost of an addition.
    static MARK: u8 = const { 0 };
}

fn thread_mark() -> usize {
    MARK.with(|mark| std::ptr::from_ref(mark) as usize)
}

/// How far a request has come. `Pending` becomes one of the other three, which are final.
pub(super) enum Stage {
    Pending,
    Done(Held),
    Failed(Failure),
    Cancelled,
}

struct Request {
    batch: Arc<Batch>,
    index: usize,
    stage: Stage,
    /// Jobs that need the outcome.
    waiting: Vec<Job>,
}

/// What is known of a request that another one names.
pub(super) enum Known<'py> {
    Done(Bound<'py, PyAny>),
    Failed(Failure),
    Cancelled,
    Pending,
    Unknown,
}

/// Requests and completions of one environment.
pub struct Channel {
    wake: Box<dyn Wake>,
    /// The mark of the environment's thread: the one that made the channel.
    thread: usize,
    /// The same, as Python's `threading.get_ident` numbers it.
    thread_ident: u64,
    /// Counts the beginnings and the ends of synchronous calls from there: odd in the middle of one. Written by that thread only.
    calls: AtomicU32,
    objects: Objects,
    questions: Questions,
    /// Whether questions are answered; the same is in them, behind a lock.
    answers: AtomicBool,
    settlements: Settlements,
    state: Mutex<State>,
    output: Mutex<Vec<(u8, String)>>,
    closed: AtomicBool,
}

/// In one lock, since a job that ends changes both.
#[derive(Default)]
struct State {
    requests: FxHashMap<u32, Request>,
    completions: Vec<u8>,
}

impl Channel {
    /// An open channel.
    pub fn new(wake: Box<dyn Wake>) -> Arc<Self> {
        Arc::new(Self {
            wake,
            thread: thread_mark(),
            thread_ident: symbols::thread_ident(),
            calls: AtomicU32::new(0),
            objects: Objects::default(),
            questions: Questions::default(),
            answers: AtomicBool::new(true),
            settlements: Settlements::default(),
            state: Mutex::default(),
            output: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// The JavaScript objects that Python holds.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The environment's thread begins a synchronous call; whether it is in the middle of another one.
    #[inline]
    pub fn enter_call(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        if calls & 1 == 0 {
            self.calls.store(calls.wrapping_add(1), Ordering::Relaxed);
        }
        calls & 1 == 1
    }

    /// The environment's thread ends a synchronous call; `outer` is what [`enter_call`](Self::enter_call) gave.
    #[inline]
    pub fn leave_call(&self, outer: bool) {
        if !outer {
            let calls = self.calls.load(Ordering::Relaxed);
            self.calls.store(calls.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Odd in the middle of a synchronous call, and another number for each of them.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What Python asks JavaScript.
    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// What becomes of promises.
    pub(crate) fn settlements(&self) -> &Settlements {
        &self.settlements
    }

    /// JavaScript says what became of a promise, or of a question that nobody waits for. Gives the number under which it keeps what
    /// the value names until that was read, or 0 if nobody will read it.
    pub fn settle_promise(self: &Arc<Self>, is_question: bool, id: u32, bytes: &[u8], pins: bool) -> u32 {
        let number = self.questions.number();
        let pin = if pins { number } else { 0 };
        let wanted = if is_question {
            self.settlements.settle_question(self, id, bytes, pin)
        } else {
            self.settlements.settle_promise(self, id, bytes, pin)
        };
        if wanted { number } else { 0 }
    }

    /// JavaScript has no entry for a promise any more.
    pub fn forget_promise(&self, id: u32) {
        self.settlements.forget_promise(id);
    }

    /// What an answer named is not needed any more.
    pub(crate) fn answer_was_read(&self, number: u32) {
        if self.questions.was_read(number) {
            self.wake();
        }
    }

    /// The number that Python has for the environment's thread.
    pub(crate) fn thread_ident(&self) -> u64 {
        self.thread_ident
    }

    /// The next question that waits for an answer.
    pub fn next_question(&self) -> Option<Arc<Question>> {
        self.questions.next()
    }

    /// Whether questions wait for an answer.
    pub fn has_questions(&self) -> bool {
        self.questions.any()
    }

    /// Moves the numbers of questions whose answers pinned something and were read into `numbers`, which must be empty.
    pub fn take_read_answers(&self, numbers: &mut Vec<u32>) {
        self.questions.take_read(numbers);
    }

    /// Whether the calling thread is the environment's own.
    pub(crate) fn is_own_thread(&self) -> bool {
        thread_mark() == self.thread
    }

    /// Whether JavaScript answers at all.
    #[inline]
    pub(crate) fn answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed) && interpreter::is_running()
    }

    /// Calls a function on the calling thread, which is the environment's own and not attached.
    #[inline]
    pub(crate) fn call_here(&self, function: u32, arguments: &[Register]) -> Called {
        self.wake.call(function, arguments)
    }

    /// A number for an answer that names something.
    pub fn answer_number(&self) -> u32 {
        self.questions.number()
    }

    /// Lets JavaScript answer on the calling thread, which is the environment's own.
    pub(crate) fn answer_here(&self, number: u32, question: &[u8]) -> Result<Option<Answer>, Closed> {
        if self.questions.is_closed() {
            return Err(Closed);
        }
        Ok(self.wake.answer(number, question))
    }

    /// Wakes the environment, unless it ended.
    pub fn wake(&self) {
        if !self.closed.load(Ordering::Acquire) {
            self.wake.wake();
        }
    }

    /// Takes a request out of its queue; `true` if it will never start.
    pub fn cancel(&self, request: u32) -> bool {
        let waiting = {
            let mut state = lock(&self.state);
            let Some(request) = state.requests.get_mut(&request) else {
                return false;
            };
            if request.batch.taken[request.index].swap(true, Ordering::AcqRel) {
                return false;
            }
            request.stage = Stage::Cancelled;
            std::mem::take(&mut request.waiting)
        };
        super::queue::enqueue(waiting);
        true
    }

    /// Forgets requests and their outcomes.
    pub fn release(&self, requests: &[u32]) {
        let released: Vec<Request> = {
            let mut state = lock(&self.state);
            requests
                .iter()
                .filter_map(|request| state.requests.remove(request))
                .collect()
        };
        // Here, without the lock: the references go to the release queue, which has its own, and those of a failure
        // take that one by themselves when it is dropped.
        let mut objects = Vec::with_capacity(released.len());
        for request in released {
            if let Stage::Done(object) = request.stage {
                objects.push(object);
            }
        }
        releases::objects(objects);
    }

    /// Moves what was completed into `batch`, which must be empty and comes back as the buffer of the next ones.
    pub fn take_completions(&self, batch: &mut Vec<u8>) {
        std::mem::swap(&mut lock(&self.state).completions, batch);
    }

    /// The text that Python wrote since the last time.
    pub fn take_output(&self) -> Vec<(u8, String)> {
        std::mem::take(&mut *lock(&self.output))
    }

    /// The environment ends: nothing is delivered any more and queued requests do not run.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let released = std::mem::take(&mut lock(&self.state).requests);
        for request in released.values() {
            request.batch.taken[request.index].store(true, Ordering::Release);
        }
        drop(released);
        self.refuse_questions();
    }

    /// From now on JavaScript answers no questions; those that wait fail.
    pub fn refuse_questions(&self) {
        self.answers.store(false, Ordering::Relaxed);
        self.questions.close();
        self.settlements.close();
    }

    /// How many requests are known.
    pub fn request_count(&self) -> usize {
        lock(&self.state).requests.len()
    }

    pub(super) fn register(&self, batch: &Arc<Batch>, ids: impl Iterator<Item = u32>) {
        let mut state = lock(&self.state);
        for (index, id) in ids.enumerate() {
            let request = Request {
                batch: Arc::clone(batch),
                index,
                stage: Stage::Pending,
                waiting: Vec::new(),
            };
            state.requests.insert(id, request);
        }
    }

    /// Keeps a job until `missing` is done; gives it back if that is the case already.
    pub(super) fn park(&self, missing: u32, job: Job) -> Option<Job> {
        match lock(&self.state).requests.get_mut(&missing) {
            Some(request) if matches!(request.stage, Stage::Pending) => {
                request.waiting.push(job);
                None
            }
            _ => Some(job),
        }
    }

    /// Records the outcome and queues the completion; gives the jobs that waited for the outcome.
    pub(super) fn settle(&self, id: u32, outcome: Stage, status: u8, value: &[u8]) -> Vec<Job> {
        let mut state = lock(&self.state);
        let (previous, waiting) = match state.requests.get_mut(&id) {
            Some(request) => (
                std::mem::replace(&mut request.stage, outcome),
                std::mem::take(&mut request.waiting),
            ),
            // Released while it ran: the outcome is dropped at the end of this function, without the lock.
            None => (outcome, Vec::new()),
        };
        let wake = !self.closed.load(Ordering::Acquire) && {
            let completions = &mut state.completions;
            let was_empty = completions.is_empty();
            let length = u32::try_from(value.len() + 5).expect("nobody passes more than LONGEST_VALUE bytes");
            completions.extend_from_slice(&length.to_le_bytes());
            completions.extend_from_slice(&id.to_le_bytes());
            completions.push(status);
            completions.extend_from_slice(value);
            was_empty
        };
        drop(state);
        drop(previous);
        if wake {
            self.wake.wake();
        }
        waiting
    }

    pub(super) fn outcome<'py>(&self, py: Python<'py>, id: u32) -> Known<'py> {
        match lock(&self.state).requests.get(&id).map(|request| &request.stage) {
            Some(Stage::Done(object)) => Known::Done(object.bind(py)),
            Some(Stage::Failed(failure)) => Known::Failed(failure.again(py)),
            Some(Stage::Cancelled) => Known::Cancelled,
            Some(Stage::Pending) => Known::Pending,
            None => Known::Unknown,
        }
    }

    fn write_output(&self, stream: u8, text: String) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let was_empty = {
            let mut output = lock(&self.output);
            let was_empty = output.is_empty();
            output.push((stream, text));
            was_empty
        };
        if was_empty {
            self.wake.wake();
        }
    }
}

static LISTENER: Mutex<Weak<Channel>> = Mutex::new(Weak::new());

/// From now on text that Python writes to a stream in `callback` mode goes to this channel.
pub fn listen_to_output(channel: &Arc<Channel>) {
    *lock(&LISTENER) = Arc::downgrade(channel);
}

/// Text for the listening channel; dropped if there is none any more.
pub fn emit_output(stream: u8, text: String) {
    let listener = lock(&LISTENER).upgrade();
    if let Some(channel) = listener {
        channel.write_output(stream, text);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
