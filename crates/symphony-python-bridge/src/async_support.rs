//! Asynchronous calls: requests in, completions out, and the threads that run them in between.
//!
//! ```text
//!  JS thread                      executor thread (GIL)                     JS thread
//!  submit(batch) ─▶ Queue ─▶ claim ─▶ operation::run ─▶ Channel.completions ─▶ wake ─▶ take_completions
//! ```
//!
//! Who may touch what: the JS thread submits, cancels, releases and takes completions, and never waits for the GIL
//! here. Executor threads run jobs while attached; they drain their queue before they detach, because handing the
//! GIL over once a job against busy Python threads costs a switch interval each time. The locks of a [`Channel`] are
//! held for a few instructions and never while Python code runs.
//!
//! A request's outcome stays until JavaScript releases it, so that a later request may name it as its target or
//! argument. A job that names an outcome which is not there yet is parked with that request before anything of it runs,
//! and queued again when that is done; nothing blocks. Not guaranteed: the order in which independent requests run.

mod awaiting;
mod channel;
mod coroutine_calls;
mod event_loop;
mod forked;
pub mod futures;
mod interrupts;
mod logs;
mod output;
mod queue;
mod readiness;
mod remote;
mod streams;
mod tasks;
mod undelivered;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use smallvec::SmallVec;
use symphony_wire::{ErrorCode, JsObject, Writer};

pub(crate) use awaiting::close as close_event_loop;
pub(crate) use awaiting::{Awaiting, abandon_all as abandon_tasks, count as task_count};
pub use channel::{Cancellation, Channel, Forgotten, Wake, emit_output, listen_to_output};
pub(crate) use channel::{Closed, others_are_in_python, wait_for_outcomes};
pub(crate) use event_loop::{loop_closed, loop_descriptor, loop_serve, stop as stop_event_loop};
#[cfg(target_os = "linux")]
pub(crate) use event_loop::{loop_wait, loop_watch};
pub use forked::end_child;
pub(crate) use interrupts::{Interruption, uninterrupted};
pub(crate) use logs::{emit_log, has_plain_form};
pub(crate) use output::CallOutput;
pub use output::Printed;
pub use queue::{Statistics, close_session, open_session, statistics, submit};
pub(crate) use queue::{close, has_more_jobs, serve_here, set_threads, submit_from_outside};
pub(crate) use streams::Stream;
pub(crate) use tasks::loop_tasks;
pub use undelivered::{handles_in_completions, handles_in_question};

use crate::errors::{self, BridgeError, Failure};
use crate::gil::Held;
use crate::handles;
use crate::javascript;
use crate::memory::Blocks;
use crate::operation::{self, HEADER_BYTES, Header, Outcome};
use crate::subprocess::{self, Noted};
use crate::symbols::symbols;
use crate::types::References;
use awaiting::Waits;
use interrupts::Interruptible;
use output::{Capture, Sink, captured};
use queue::{Announced, Queue, Seat};
use readiness::Readiness;

/// The most bytes that a completion's value may take: its length is written in four bytes, with five more.
const LONGEST_VALUE: usize = u32::MAX as usize - 5;

/// The completion of a request: what follows its id.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Status {
    Value = 0,
    Error = 1,
    Kept = 2,
    /// An item of a stream, which goes on.
    Item = 3,
    /// From here on the items of a stream come after what was thrown into it.
    Thrown = 4,
    /// The end of a stream.
    End = 5,
    /// The end of a stream by an error.
    Failed = 6,
    /// A stream makes no items ahead, because its iterator is the program's own.
    Exact = 7,
}

/// Requests that were submitted together, and where their completions go.
struct Batch {
    channel: Arc<Channel>,
    bytes: Box<[u8]>,
    /// Which of the requests have been taken to be run or cancelled; whoever sets a flag first decides.
    taken: Box<[AtomicBool]>,
}

/// One request of a batch.
struct Job {
    batch: Arc<Batch>,
    index: usize,
    offset: usize,
    header: Header,
    /// The requests that it names and that may not be done, the first one last; `None` before the first look.
    named: Option<Vec<u32>>,
    /// While it waits for another request: the session to which it will come back.
    seat: Option<Seat>,
    /// Where its text goes, if it wants that for itself.
    sink: Option<Arc<Sink>>,
    place: Place,
    /// It was taken to be run already, and is passed on.
    owned: bool,
    /// A stream that has begun.
    stream: Option<Box<streams::Begun>>,
    /// That it runs, for the Conductor of this process.
    noted: Option<Noted>,
}

/// Where a job runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On a thread of the pool or of its session.
    Thread,
    /// On the loop's thread.
    Loop,
    /// On the loop's thread, if it still calls a coroutine function there, as it did the last time.
    LoopIfCoroutine,
}

impl Job {
    fn channel(&self) -> &Arc<Channel> {
        &self.batch.channel
    }

    fn request(&self) -> &[u8] {
        &self.batch.bytes[self.offset..self.offset + self.header.total()]
    }

    fn body(&self) -> &[u8] {
        &self.request()[HEADER_BYTES..]
    }

    /// Notes that it runs, in a process of a Conductor.
    fn note(&mut self, py: Python<'_>) {
        if self.noted.is_none() && self.channel().is_remote() {
            let references = JobReferences {
                channel: self.channel(),
            };
            self.noted = Noted::begin(py, &self.header, self.body(), &references);
        }
    }

    /// Whether somebody else has it, who cancelled it.
    fn is_taken(&self) -> bool {
        !self.owned && self.batch.taken[self.index].load(Ordering::Acquire)
    }

    /// Whether the caller is the one to run it; `false` if it was cancelled.
    fn take(&mut self) -> bool {
        let begins = !self.batch.taken[self.index].swap(true, Ordering::AcqRel);
        self.owned |= begins;
        if begins {
            self.channel().started(self.header.request);
        }
        self.owned
    }

    /// Why it need not begin, if it was cancelled while it was on its way from one thread to another.
    fn cancelled(&self) -> Option<Failure> {
        let cancelled = self.channel().is_closed() || self.channel().is_cancelled(self.header.request);
        cancelled.then(|| BridgeError::new(ErrorCode::Cancelled, "the call was cancelled before it began").into())
    }

    fn key(&self) -> awaiting::Key {
        self.channel().key(self.header.request)
    }

    /// It does not call a coroutine function after all.
    fn leave_loop(&mut self) {
        self.channel().coroutine_calls().forget(self.body());
        self.place = Place::Thread;
        // Until a thread takes it, it has not started.
        self.owned = false;
        self.noted = None;
        self.batch.taken[self.index].store(false, Ordering::Release);
    }

    /// Ends the request without running it; gives the jobs that waited for it.
    #[must_use]
    fn refuse(&mut self, error: &BridgeError) -> Vec<Self> {
        if self.take() {
            self.fail(error.clone())
        } else {
            Vec::new()
        }
    }

    /// Ends the request, which was taken, with an error of the bridge's; gives the jobs that waited for it. Needs no GIL.
    #[must_use]
    fn fail(&self, error: BridgeError) -> Vec<Self> {
        let mut writer = Writer::new();
        error.write(&mut writer);
        self.finish(Status::Error, writer.as_slice(), channel::Stage::Failed(error.into()))
    }

    /// Reports the outcome; gives the jobs that waited for it.
    #[must_use]
    fn finish(&self, status: Status, value: &[u8], stage: channel::Stage) -> Vec<Self> {
        let status = match status {
            Status::Error if self.header.is_stream() => Status::Failed,
            _ if self.header.is_stream() => Status::End,
            status => status,
        };
        if let Some(noted) = &self.noted {
            noted.end();
        }
        let waiting = self.channel().settle(self.header.request, stage, status as u8, value);
        if matches!(status, Status::Error | Status::Failed) {
            subprocess::end_if_raised();
        }
        waiting
    }
}

/// A job that is about to run, and why it fails instead.
struct Prepared {
    job: Job,
    refused: Option<Failure>,
}

/// Takes a job to be run now; nothing if it was cancelled, or if it names a request that is not done: then it is parked there.
/// `seat` keeps its place.
fn prepare(py: Python<'_>, mut job: Job, seat: impl Fn() -> Option<Seat>) -> Option<Prepared> {
    let refused = loop {
        if job.is_taken() {
            return None;
        }
        match readiness::look(py, &mut job) {
            Readiness::Ready => break None,
            Readiness::Fails(failure) => break Some(failure),
            Readiness::Waits(missing) => {
                job.seat = seat();
                let channel = Arc::clone(job.channel());
                job = channel.park(missing, job)?;
                // It was done by the time we asked.
                job.seat = None;
            }
        }
    };
    // What is not begun in a process that gives up is begun in the next one.
    if subprocess::is_ending() || !job.take() {
        return None;
    }
    job.note(py);
    Some(Prepared { job, refused })
}

/// Runs a job on an attached thread and reports its completion; in the pool in a copy of the thread's context, so that
/// context variables set by one job are not seen by the next. A job that names a request which is not done is parked, and one that
/// gives an awaitable ends on the loop's thread.
fn run(py: Python<'_>, job: Job, queue: &Arc<Queue>, announced: &mut Announced<'_>, writer: &mut Writer) {
    if job.header.is_stream() {
        return streams::run(py, job, queue, announced, writer);
    }
    let Some(Prepared { job, refused }) = prepare(py, job, || Queue::reserve(queue)) else {
        return;
    };
    writer.clear();
    // Also for the conversion of the result, which may run code of the objects in it.
    let context = queue.isolates().then(|| IsolatedContext::enter(py)).flatten();
    let interruptible = Interruptible::begin(py, job.key());
    // From here on whoever cancels it finds it; before that it was only noted.
    let refused = refused.or_else(|| job.cancelled());
    let capture = Capture::begin(py, &job, context.is_none());
    let result = match refused {
        Some(failure) => Err(failure),
        None => guarded(|| captured(py, &capture, || operate(py, &job, queue))),
    };
    let kind = result
        .as_ref()
        .map_or(Waits::No, |outcome| awaiting::waits(&job, outcome));
    let ready = match (kind, result) {
        (Waits::Coroutine | Waits::Other, Ok(outcome)) => {
            interruptible.end(py);
            if kind == Waits::Coroutine && queue.isolates() {
                job.channel().coroutine_calls().learn(job.body());
            }
            announced.give();
            awaiting::hand_over(py, job, outcome, context, kind)
        }
        (_, result) => {
            let (status, stage) = guarded_report(py, &job, result, writer, Some(&interruptible));
            interruptible.end(py);
            drop(context);
            announced.give();
            job.finish(status, writer.as_slice(), stage)
        }
    };
    // Not before a task has its copy of the context.
    drop(capture);
    queue::enqueue(ready);
}

fn operate<'py>(py: Python<'py>, job: &Job, queue: &Queue) -> Result<Outcome<'py>, Failure> {
    let references = JobReferences { channel: job.channel() };
    let result = if job.header.is_throw() {
        streams::throw(py, job)
    } else {
        operation::run(py, &job.header, job.request(), &references)
    };
    forked::end_child(py, queue.process(), &result);
    result
}

/// A panic of ours is the failure of this job alone.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(BridgeError::from_panic(panic.as_ref()).into()))
}

/// [`report`], in which a panic of ours is the failure of this job alone.
fn guarded_report(
    py: Python<'_>,
    job: &Job,
    result: Result<Outcome<'_>, Failure>,
    writer: &mut Writer,
    interruptible: Option<&Interruptible>,
) -> (Status, channel::Stage) {
    catch_unwind(AssertUnwindSafe(|| report(py, job, result, writer, interruptible))).unwrap_or_else(|panic| {
        let error = BridgeError::from_panic(panic.as_ref());
        writer.clear();
        error.write(writer);
        (Status::Error, channel::Stage::Failed(error.into()))
    })
}

fn report(
    py: Python<'_>,
    job: &Job,
    result: Result<Outcome<'_>, Failure>,
    writer: &mut Writer,
    interruptible: Option<&Interruptible>,
) -> (Status, channel::Stage) {
    let header = &job.header;
    // It still has what it was used for last: an item of the stream, or the outcome of another job, perhaps of another environment. If
    // this one has ended, the handles in its message are given back, and they must be its own.
    writer.clear();
    let failed = |failure: Failure, writer: &mut Writer| {
        // An interruption may also come while the result is converted.
        let failure = match interruptible {
            Some(interruptible) => interruptible.explained(py, failure),
            None => failure,
        };
        subprocess::look_at(py, &failure);
        let mut crossings = Crossings::of(job.channel());
        writer.clear();
        failure.write(py, true, writer, &mut crossings);
        if writer.len() > LONGEST_VALUE {
            crossings.give_back(py);
            writer.clear();
            too_long().write(writer);
        }
        (Status::Error, failure)
    };
    match result {
        Err(failure) => {
            let (status, failure) = failed(failure, writer);
            (status, channel::Stage::Failed(failure))
        }
        Ok(outcome) => {
            let status = if header.converts() {
                let mut crossings = Crossings::of(job.channel());
                let written = outcome.write(header.returns(), writer, &mut crossings);
                match written.and_then(|()| checked_length(writer)) {
                    Ok(()) => Status::Value,
                    Err(failure) => {
                        crossings.give_back(py);
                        failed(failure, writer).0
                    }
                }
            } else {
                Status::Kept
            };
            let (Outcome::Object(object)
            | Outcome::Opened(object, _)
            | Outcome::Buffer(object)
            | Outcome::Description(object)) = outcome;
            (status, channel::Stage::Done(Held::new(object)))
        }
    }
}

/// Whether a value can be handed over.
fn checked_length(writer: &Writer) -> Result<(), Failure> {
    if writer.len() <= LONGEST_VALUE {
        Ok(())
    } else {
        Err(too_long().into())
    }
}

fn too_long() -> BridgeError {
    let message = "the value is too large: it takes more than 4 GiB; use returns `'ref'` to receive a handle";
    BridgeError::new(ErrorCode::Conversion, message)
}

/// The crossings of a message under construction. For results, which name no references of their own.
#[derive(Default)]
pub struct Crossings<'a> {
    handles: SmallVec<[u32; 4]>,
    /// Of JavaScript objects.
    js_objects: Vec<u32>,
    /// The memory that it names.
    items: Vec<u32>,
    /// The environment of the message, whose own objects go back as what they are.
    channel: Option<&'a Arc<Channel>>,
    /// An exception is being described: those among its arguments are handles, since they may contain each other.
    describing: bool,
}

impl<'a> Crossings<'a> {
    /// Those of a message to, or from, this environment.
    pub fn of(channel: &'a Arc<Channel>) -> Self {
        Self {
            channel: Some(channel),
            ..Self::default()
        }
    }
    /// The numbers of the handles that cross; whoever takes them gives them back if the message does not arrive.
    pub(crate) fn into_handles(self) -> Vec<u32> {
        self.handles.into_vec()
    }

    /// Gives everything back: the message will not be sent.
    pub fn give_back(&mut self, py: Python<'_>) {
        self.give_back_from(py, Count::default());
    }

    /// Runs `body`, which describes an exception.
    pub(crate) fn while_describing<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.describing, true);
        let result = body(self);
        self.describing = outer;
        result
    }

    /// The handles in the message, as often as they are in it, with [`handles::OF_MEMORY`] where the crossing is of the memory too.
    pub fn handles(&self) -> &[u32] {
        &self.handles
    }

    /// How many there are.
    pub fn count(&self) -> Count {
        Count {
            handles: self.handles.len(),
            js_objects: self.js_objects.len(),
            items: self.items.len(),
        }
    }

    /// Gives back all but the first `count`: what was written since then is taken out of the message.
    pub fn give_back_from(&mut self, py: Python<'_>, count: Count) {
        while self.handles.len() > count.handles
            && let Some(id) = self.handles.pop()
        {
            if self
                .channel
                .is_none_or(|channel| channel.gave_back(id & !handles::OF_MEMORY, 1) > 0)
            {
                handles::give_back(py, id);
            }
        }
        let Some(channel) = self.channel else { return };
        let from = count.js_objects.min(self.js_objects.len());
        for id in self.js_objects.drain(from..) {
            channel.objects().arrived(id);
        }
        for number in self.items.drain(count.items.min(self.items.len())..) {
            // What is forgotten here the environment forgets with the connection.
            channel.take_back_items(number);
        }
    }
}

/// How many crossings a message had at some point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    handles: usize,
    js_objects: usize,
    items: usize,
}

impl References for Crossings<'_> {
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
        let (id, kind) = handles::export(object);
        self.handles.push(id);
        if let Some(channel) = self.channel {
            channel.crossed(id, kind);
        }
        (id, kind)
    }

    fn share_memory(&mut self, id: u32) {
        if let Some(crossing) = self.handles.iter_mut().rfind(|crossing| **crossing == id) {
            *crossing |= handles::OF_MEMORY;
        }
    }

    fn environment(&self) -> Option<usize> {
        Some(self.channel?.identity())
    }

    fn reaches_memory(&self) -> bool {
        self.channel.is_none_or(|channel| !channel.is_remote())
    }

    fn new_items(&mut self, bytes: usize) -> Option<(u32, NonNull<u8>)> {
        let (number, pointer) = self.channel?.new_items(bytes)?;
        self.items.push(number);
        Some((number, pointer))
    }

    fn import<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        match self.channel {
            Some(channel) => channel.named(py, id),
            None => handles::get(py, id),
        }
    }

    fn request<'py>(&self, _py: Python<'py>, _id: u32) -> Option<Bound<'py, PyAny>> {
        None
    }

    fn blocks(&self) -> Option<&Blocks> {
        Some(self.channel?.blocks())
    }

    fn write_exception(&mut self, exception: &Bound<'_, PyAny>, writer: &mut Writer) -> bool {
        if self.describing {
            return false;
        }
        writer.exception();
        errors::write_described(exception, writer, self);
        true
    }

    fn export_js_object(&mut self, object: &Bound<'_, PyAny>) -> Option<u32> {
        let id = javascript::reference(object)?.leave_for(self.channel?)?;
        self.js_objects.push(id);
        Some(id)
    }

    fn import_js_object<'py>(&self, py: Python<'py>, object: JsObject<'_>) -> Option<PyResult<Bound<'py, PyAny>>> {
        Some(javascript::object_for(py, self.channel?, object))
    }
}

/// What a queued request may name: handles, and outcomes of requests of the same channel, which are there by now.
struct JobReferences<'a> {
    channel: &'a Arc<Channel>,
}

impl References for JobReferences<'_> {
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
        handles::export(object)
    }

    fn import<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        self.channel.named(py, id)
    }

    fn request<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        match self.channel.outcome(py, id) {
            channel::Known::Done(object) => Some(object),
            _ => None,
        }
    }

    fn blocks(&self) -> Option<&Blocks> {
        Some(self.channel.blocks())
    }

    fn import_js_object<'py>(&self, py: Python<'py>, object: JsObject<'_>) -> Option<PyResult<Bound<'py, PyAny>>> {
        Some(javascript::object_for(py, self.channel, object))
    }
}

/// A copy of the thread's context, entered.
struct IsolatedContext<'py>(Bound<'py, PyAny>);

impl<'py> IsolatedContext<'py> {
    fn enter(py: Python<'py>) -> Option<Self> {
        Self::enter_again(Self::copy(py)?)
    }

    /// Enters a context that was left.
    fn enter_again(context: Bound<'py, PyAny>) -> Option<Self> {
        // SAFETY: a context that is not entered.
        (unsafe { (symbols().context_enter)(context.as_ptr()) } == 0).then_some(Self(context))
    }

    /// A copy of the thread's context, not entered.
    fn copy(py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: attached; an owned reference or null.
        let context = unsafe { (symbols().context_copy)() };
        // SAFETY: an owned reference or null.
        unsafe { Bound::from_owned_ptr_or_opt(py, context) }
    }

    /// Leaves it, and gives it for whatever goes on in it.
    fn leave(self) -> Bound<'py, PyAny> {
        self.0.clone()
    }
}

impl Drop for IsolatedContext<'_> {
    fn drop(&mut self) {
        // The exception that a failed call left, if any, is not touched: it was fetched before.
        // SAFETY: entered by this thread and still the innermost one, since jobs do not nest.
        unsafe { (symbols().context_exit)(self.0.as_ptr()) };
        debug_assert!(
            // SAFETY: attached.
            unsafe { ffi::PyErr_Occurred() }.is_null()
        );
    }
}
