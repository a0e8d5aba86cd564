//! One environment's side of asynchronous calls: what became of its requests, and what it is still to be told.

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::awaiting::Key;
use super::coroutine_calls::CoroutineCalls;
use super::event_loop::{self, Work};
use super::interrupts::Interruption;
use super::logs::Logs;
use super::output::Waiting;
use super::remote::{self, Items, Remote};
use super::streams::Control;
use super::{Batch, Job, Status, interrupts, undelivered};
use crate::errors::Failure;
use crate::gil::{self, Held};
use crate::javascript::{Answer, Called, Objects, Question, Questions, Register, Settlements};
use crate::memory::Blocks;
use crate::operation::Header;
use crate::{handles, interpreter, releases, symbols};

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
    /// Why it was to be cancelled after it had started.
    cancelled: Option<Interruption>,
    /// A task of the loop awaits what it gave.
    awaited: bool,
    /// What JavaScript wants of it, if it is a stream.
    stream: Option<Arc<Control>>,
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

impl Request {
    fn place(&self) -> Cancellation {
        if self.awaited {
            Cancellation::OnLoop
        } else {
            Cancellation::OnThread
        }
    }
}

/// What became of the wish to cancel a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cancellation {
    /// It is done, or unknown.
    TooLate = 0,
    /// It will never start, and nothing will be heard of it.
    NotStarted = 1,
    /// A task awaits what it gave, and is cancelled; its completion will say what came of that.
    OnLoop = 2,
    /// A thread runs it. An exception is raised there, as soon as that is possible.
    OnThread = 3,
}

/// What Python does not need any more; as `onForgotten` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Forgotten {
    /// It dropped an object.
    Dropped = 0,
    /// It read an answer that named something.
    Read = 1,
    /// It dropped an iterator in the middle.
    Abandoned = 2,
}

/// Requests and completions of one environment.
pub struct Channel {
    wake: Box<dyn Wake>,
    /// The mark of the environment's thread: the one that made the channel, or that does synchronous calls for another process.
    thread: AtomicUsize,
    /// The same, as Python's `threading.get_ident` numbers it.
    thread_ident: AtomicU64,
    /// Counts the beginnings and the ends of synchronous calls from there: odd in the middle of one. Written by that thread only.
    calls: AtomicU32,
    objects: Objects,
    blocks: Blocks,
    questions: Questions,
    /// Whether questions are answered; the same is in them, behind a lock.
    answers: AtomicBool,
    settlements: Settlements,
    state: Mutex<State>,
    output: Waiting,
    logs: Logs,
    /// Sessions that the environment opened and did not close.
    sessions: Mutex<Vec<u32>>,
    coroutine_calls: CoroutineCalls,
    /// Whether any request was to be cancelled after it had started.
    has_cancelled: AtomicBool,
    /// Of an environment in another process.
    remote: Option<Remote>,
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
        let channel = Self::open(wake, None);
        channel.becomes_own_thread();
        channel
    }

    /// That of an environment in another process. No thread here is its own, unless one becomes that.
    pub(crate) fn of_connection(wake: Box<dyn Wake>) -> Arc<Self> {
        Self::open(wake, Some(Remote::default()))
    }

    fn open(wake: Box<dyn Wake>, remote: Option<Remote>) -> Arc<Self> {
        let channel = Arc::new(Self {
            wake,
            thread: AtomicUsize::new(0),
            thread_ident: AtomicU64::new(0),
            calls: AtomicU32::new(0),
            objects: Objects::default(),
            blocks: Blocks::default(),
            questions: Questions::default(),
            answers: AtomicBool::new(true),
            settlements: Settlements::default(),
            state: Mutex::default(),
            sessions: Mutex::default(),
            output: Waiting::default(),
            logs: Logs::default(),
            coroutine_calls: CoroutineCalls::default(),
            has_cancelled: AtomicBool::new(false),
            remote,
            closed: AtomicBool::new(false),
        });
        lock(&OPEN).push(Arc::downgrade(&channel));
        channel
    }

    /// What tells this environment from others, for as long as anybody has a reference to the channel, also a weak one.
    pub(crate) fn identity(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// Whether the environment is in another process, which reaches no memory of this one but what it lent.
    pub(crate) fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// A handle crosses to the environment.
    #[inline]
    pub(crate) fn crossed(&self, handle: u32, kind: u32) {
        if let Some(remote) = &self.remote {
            remote.crossed(handle, kind);
        }
    }

    /// An environment in another process gives back so many crossings. Those that it does not have stay where they are.
    pub(crate) fn gave_back(&self, handle: u32, count: u32) -> u32 {
        match &self.remote {
            Some(remote) => remote.gave_back(handle, count),
            None => count,
        }
    }

    /// The types that an environment in another process is to be told of.
    pub(crate) fn take_unannounced_kinds(&self) -> Vec<u32> {
        self.remote
            .as_ref()
            .map(Remote::take_unannounced_kinds)
            .unwrap_or_default()
    }

    /// Memory for the items of an array that an environment in another process gets; its number.
    pub(crate) fn new_items(&self, bytes: usize) -> Option<(u32, NonNull<u8>)> {
        self.remote.as_ref()?.new_items(bytes)
    }

    /// That memory is not used any more; gives the numbers that the environment may forget.
    pub(crate) fn take_back_items(&self, number: u32) -> Vec<u32> {
        self.remote
            .as_ref()
            .map(|remote| remote.take_back_items(number))
            .unwrap_or_default()
    }

    /// The memory that it is to get before anything else.
    pub(crate) fn take_items(&self) -> Vec<Items> {
        self.remote.as_ref().map(Remote::take_items).unwrap_or_default()
    }

    /// Memory in which it sees which of its requests have begun.
    pub(crate) fn announce_starts(&self) -> Option<OwnedFd> {
        self.remote.as_ref()?.announce_starts()
    }

    /// A request begins.
    #[inline]
    pub(super) fn started(&self, request: u32) {
        if let Some(remote) = &self.remote {
            remote.started(request);
        }
    }

    /// Gives back crossings of a message that will not arrive.
    fn give_back(&self, crossings: Vec<u32>) {
        for crossing in crossings {
            if self.gave_back(crossing & !handles::OF_MEMORY, 1) > 0 {
                releases::crossing(crossing);
            }
        }
    }

    /// A message with these values was sent, or could not be. If the environment has ended, their handles are given back that crossed after
    /// that: the others were then.
    pub(crate) fn sent(&self, values: &[u8]) {
        if self.is_closed() {
            self.give_back(undelivered::handles_in(values));
        }
    }

    /// The memory that messages of the environment may name.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
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
        let wanted = self.settle_promise_as(is_question, id, bytes, pin);
        if wanted { number } else { 0 }
    }

    /// The same with the number that JavaScript chose, or 0 if it keeps nothing; whether anybody will read it.
    pub(crate) fn settle_promise_as(self: &Arc<Self>, is_question: bool, id: u32, bytes: &[u8], pin: u32) -> bool {
        if is_question {
            self.settlements.settle_question(self, id, bytes, pin)
        } else {
            self.settlements.settle_promise(self, id, bytes, pin)
        }
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
        self.thread_ident.load(Ordering::Relaxed)
    }

    /// The next question that waits for an answer.
    pub fn next_question(&self) -> Option<Arc<Question>> {
        self.questions.next()
    }

    /// Whether questions wait for an answer.
    pub fn has_questions(&self) -> bool {
        self.questions.any()
    }

    /// What the environment is to be told that Python does not need any more, in the order in which it is.
    pub fn take_forgotten(&self) -> [(Forgotten, Vec<u32>); 3] {
        let (mut dropped, mut abandoned, mut read) = (Vec::new(), Vec::new(), Vec::new());
        self.objects.take_dropped(&mut dropped, &mut abandoned);
        self.questions.take_read(&mut read);
        // What was abandoned was dropped as well, and has to be there still.
        [
            (Forgotten::Abandoned, abandoned),
            (Forgotten::Dropped, dropped),
            (Forgotten::Read, read),
        ]
    }

    /// Whether the calling thread is the environment's own.
    pub(crate) fn is_own_thread(&self) -> bool {
        thread_mark() == self.thread.load(Ordering::Relaxed)
    }

    /// From now on the calling thread is the one on which synchronous calls run.
    pub(crate) fn becomes_own_thread(&self) {
        self.thread.store(thread_mark(), Ordering::Relaxed);
        #[expect(clippy::useless_conversion, reason = "it has 32 bits on Windows")]
        let ident = u64::from(symbols::thread_ident());
        self.thread_ident.store(ident, Ordering::Relaxed);
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

    /// By which a request of this environment is known in all of them.
    pub(super) fn key(self: &Arc<Self>, id: u32) -> Key {
        (Arc::as_ptr(self) as usize, id)
    }

    /// Cancels a request: takes it out of its queue, or has what runs interrupted.
    pub fn cancel(self: &Arc<Self>, id: u32) -> Cancellation {
        self.interrupt(id, Interruption::Cancelled)
    }

    /// The same, for this reason.
    pub(crate) fn interrupt(self: &Arc<Self>, id: u32, interruption: Interruption) -> Cancellation {
        let (waiting, running) = {
            let mut state = lock(&self.state);
            let Some(request) = state.requests.get_mut(&id) else {
                return Cancellation::TooLate;
            };
            if matches!(request.stage, Stage::Failed(_) | Stage::Cancelled) {
                return Cancellation::TooLate;
            }
            if request.batch.taken[request.index].swap(true, Ordering::AcqRel) {
                if matches!(request.stage, Stage::Done(_)) && !request.awaited {
                    return Cancellation::TooLate;
                }
                request.cancelled = Some(interruption);
                self.has_cancelled.store(true, Ordering::Release);
                (Vec::new(), Some((request.place(), request.stream.clone())))
            } else {
                request.stage = Stage::Cancelled;
                self.ended_one();
                (std::mem::take(&mut request.waiting), None)
            }
        };
        let Some((place, stream)) = running else {
            super::queue::enqueue(waiting);
            return Cancellation::NotStarted;
        };
        let key = self.key(id);
        // One that rests has nothing to be interrupted, and closes its iterator.
        let busy = stream.as_ref().is_none_or(Control::close);
        // A loop that takes nothing any more has ended its tasks.
        match (place, stream) {
            (Cancellation::OnLoop, None) => drop(event_loop::push(Work::Cancel(key, interruption))),
            (Cancellation::OnLoop, Some(stream)) => drop(event_loop::push(Work::Leave(stream, key))),
            _ if busy => interrupts::interrupt(key, interruption),
            _ => {}
        }
        place
    }

    /// Whether a request is a stream, which is not counted among those that keep the process alive.
    pub fn is_stream(&self, id: u32) -> bool {
        self.stream(id).is_some()
    }

    /// What JavaScript wants of a stream.
    pub(super) fn stream(&self, id: u32) -> Option<Arc<Control>> {
        lock(&self.state).requests.get(&id)?.stream.clone()
    }

    /// More items of a stream are wanted.
    pub fn grant(&self, id: u32, credits: u32) {
        if let Some(stream) = self.stream(id) {
            stream.grant(credits);
        }
    }

    /// No more items of a stream are wanted: its iterator is closed, and then the stream ends.
    pub fn close_stream(self: &Arc<Self>, id: u32) {
        let found = lock(&self.state)
            .requests
            .get(&id)
            .and_then(|request| Some((request.stream.clone()?, request.awaited)));
        let Some((stream, awaited)) = found else { return };
        if stream.close() && awaited {
            // It may wait for an item. A loop that takes nothing any more has ended its tasks.
            drop(event_loop::push(Work::Leave(stream, self.key(id))));
        }
    }

    /// Hands over something of a stream, which goes on; whether anybody wants it.
    pub(super) fn emit(&self, id: u32, status: Status, value: &[u8]) -> bool {
        let wake = {
            let mut state = lock(&self.state);
            // Nobody wants it if the environment ended.
            let wanted = state.requests.contains_key(&id) && !self.closed.load(Ordering::Acquire);
            wanted.then(|| complete(&mut state.completions, id, status as u8, value))
        };
        match wake {
            Some(true) => self.wake.wake(),
            Some(false) => {}
            None => self.give_back(undelivered::handles_in(value)),
        }
        wake.is_some()
    }

    /// What a request that was cancelled is doing now.
    pub fn cancelled_place(&self, id: u32) -> Cancellation {
        match lock(&self.state).requests.get(&id) {
            Some(request) if matches!(request.stage, Stage::Pending) || request.awaited => request.place(),
            _ => Cancellation::TooLate,
        }
    }

    /// Whether a request that runs was to be cancelled.
    pub(super) fn is_cancelled(&self, id: u32) -> bool {
        self.interruption(id).is_some()
    }

    /// Why a request that runs was to be cancelled, if it was.
    pub(super) fn interruption(&self, id: u32) -> Option<Interruption> {
        // Seldom; and each job asks.
        if !self.has_cancelled.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.state).requests.get(&id)?.cancelled
    }

    /// From now on a task of the loop awaits what a request gave. Those that name it get `object`, if there is one; gives the jobs
    /// that waited for that.
    pub(super) fn awaits(&self, id: u32, object: Option<Held>) -> Vec<Job> {
        let mut state = lock(&self.state);
        let Some(request) = state.requests.get_mut(&id) else {
            drop(state);
            return Vec::new();
        };
        request.awaited = true;
        let Some(object) = object else { return Vec::new() };
        request.stage = Stage::Done(object);
        std::mem::take(&mut request.waiting)
    }

    /// Which calls gave coroutines.
    pub(super) fn coroutine_calls(&self) -> &CoroutineCalls {
        &self.coroutine_calls
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

    /// What Python printed and nobody took yet.
    pub(super) fn output(&self) -> &Waiting {
        &self.output
    }

    /// What Python logged and nobody took yet.
    pub(super) fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Whether the environment has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The object of a handle that a message from this environment names.
    ///
    /// Nothing once the environment has ended: its states went, and with them what kept the handle, whose number may be that of another
    /// object by now. It says that it ends before it gives them back, and giving back takes the GIL.
    pub(crate) fn named<'py>(&self, py: Python<'py>, handle: u32) -> Option<Bound<'py, PyAny>> {
        if self.is_closed() {
            return None;
        }
        handles::get(py, handle)
    }

    /// The environment ends: nothing is delivered any more, queued requests do not run and its sessions end. Idempotent; whether it was
    /// open.
    pub fn close(self: &Arc<Self>) -> bool {
        let was_open = !self.closed.swap(true, Ordering::AcqRel);
        let State { requests, completions } = std::mem::take(&mut *lock(&self.state));
        for request in requests.values() {
            request.batch.taken[request.index].store(true, Ordering::Release);
        }
        // Iterators that rest are closed on the threads where they ran; their jobs and controls hold each other until then.
        for stream in requests.values().filter_map(|request| request.stream.as_ref()) {
            stream.close();
        }
        drop(requests);
        self.give_back(undelivered::handles_in_completions(&completions));
        self.refuse_questions();
        self.blocks.clear();
        if let Some(remote) = &self.remote {
            remote.end();
            remote::changed();
        }
        for session in std::mem::take(&mut *lock(&self.sessions)) {
            super::queue::close_session(session);
        }
        if was_open && event_loop::is_used() {
            // A loop that takes nothing any more has ended its tasks.
            drop(event_loop::push(Work::CancelAll(Arc::clone(self))));
        }
        let closed = Arc::as_ptr(self);
        lock(&OPEN).retain(|channel| channel.as_ptr() != closed && channel.strong_count() > 0);
        was_open
    }

    /// Opens a session that ends with the environment.
    pub fn open_session(&self) -> u32 {
        let session = super::queue::open_session();
        lock(&self.sessions).push(session);
        session
    }

    /// Ends a session of this environment once its queued jobs are done.
    pub fn close_session(&self, session: u32) {
        lock(&self.sessions).retain(|open| *open != session);
        super::queue::close_session(session);
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

    pub(super) fn register<'a>(&self, batch: &Arc<Batch>, headers: impl Iterator<Item = &'a Header>) {
        let mut state = lock(&self.state);
        for (index, header) in headers.enumerate() {
            let request = Request {
                batch: Arc::clone(batch),
                index,
                stage: Stage::Pending,
                cancelled: None,
                awaited: false,
                stream: header.is_stream().then(Control::new),
                waiting: Vec::new(),
            };
            state.requests.insert(header.request, request);
            if let Some(remote) = &self.remote {
                remote.requested();
            }
        }
    }

    /// A request has its outcome.
    fn ended_one(&self) {
        if let Some(remote) = &self.remote {
            remote.answered();
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
        self.ended_one();
        let closed = self.closed.load(Ordering::Acquire);
        let wake = !closed && complete(&mut state.completions, id, status, value);
        drop(state);
        drop(previous);
        if closed {
            self.give_back(undelivered::handles_in(value));
        }
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
}

/// Waits until no environment in another process has a request without an outcome, those that come meanwhile included. Must not be called
/// by an attached thread.
pub(crate) fn wait_for_outcomes() {
    remote::wait_until(|| {
        let open: Vec<_> = lock(&OPEN).iter().filter_map(Weak::upgrade).collect();
        let mut open = open.iter().filter(|channel| !channel.is_closed());
        open.all(|channel| channel.remote.as_ref().is_none_or(Remote::is_idle))
    });
}

/// The environments that have not ended.
static OPEN: Mutex<Vec<Weak<Channel>>> = Mutex::new(Vec::new());

/// How many environments there are, and how many requests they know of: under way, or kept because their outcome is still needed.
pub(super) fn environments_and_requests() -> (usize, usize) {
    let open: Vec<_> = lock(&OPEN).iter().filter_map(Weak::upgrade).collect();
    (open.len(), open.iter().map(|channel| channel.request_count()).sum())
}

/// Whether a thread of another environment is in the middle of a synchronous call, or about to leave Python for good.
pub(crate) fn others_are_in_python() -> bool {
    let own = thread_mark();
    let in_call = |channel: Arc<Channel>| channel.thread.load(Ordering::Relaxed) != own && channel.calls() & 1 == 1;
    lock(&OPEN).iter().filter_map(Weak::upgrade).any(in_call) || gil::threads_are_ending()
}

/// Adds a completion; whether it is the first that nobody took.
fn complete(completions: &mut Vec<u8>, id: u32, status: u8, value: &[u8]) -> bool {
    let was_empty = completions.is_empty();
    let length = u32::try_from(value.len() + 5).expect("nobody passes more than LONGEST_VALUE bytes");
    completions.extend_from_slice(&length.to_le_bytes());
    completions.extend_from_slice(&id.to_le_bytes());
    completions.push(status);
    completions.extend_from_slice(value);
    was_empty
}

static LISTENER: Mutex<Weak<Channel>> = Mutex::new(Weak::new());

/// From now on text that Python writes to a stream in `callback` mode, and what it logs, goes to this channel.
pub fn listen_to_output(channel: &Arc<Channel>) {
    *lock(&LISTENER) = Arc::downgrade(channel);
}

/// Text for the listening channel; dropped if there is none any more.
pub fn emit_output(stream: u8, text: &str) {
    // The lock may be held for ever in a forked child.
    if interpreter::is_forked() {
        return;
    }
    if let Some(channel) = listener() {
        channel.print(stream, 0, text);
    }
}

/// The channel that listens to output.
pub(super) fn listener() -> Option<Arc<Channel>> {
    lock(&LISTENER).upgrade()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
