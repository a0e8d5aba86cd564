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
//! argument. A job that names an outcome which is not there yet is parked with that request and queued again when it
//! is done; nothing blocks. Not guaranteed: the order in which independent requests run.

mod channel;
mod queue;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use symphony_wire::{ErrorCode, Writer};

pub use channel::{Channel, Wake, emit_output, listen_to_output};
pub use queue::{Statistics, close_session, open_session, statistics, submit};
pub(crate) use queue::{close, set_threads};

use crate::errors::{BridgeError, Failure};
use crate::gil::Held;
use crate::handles;
use crate::operation::{self, Header, Outcome};
use crate::symbols::symbols;
use crate::types::References;
use queue::{Announced, Queue};

/// The completion of a request: what follows its id.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Status {
    Value = 0,
    Error = 1,
    Kept = 2,
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
}

impl Job {
    fn channel(&self) -> &Arc<Channel> {
        &self.batch.channel
    }

    fn request(&self) -> &[u8] {
        &self.batch.bytes[self.offset..self.offset + self.header.total()]
    }

    /// Whether the caller is the one to run it; `false` if it was cancelled.
    fn take(&self) -> bool {
        !self.batch.taken[self.index].swap(true, Ordering::AcqRel)
    }

    /// Makes it possible to take it again.
    fn put_back(&self) {
        self.batch.taken[self.index].store(false, Ordering::Release);
    }

    /// Ends the request without running it.
    fn refuse(&self, error: &BridgeError) {
        if self.take() {
            let mut writer = Writer::new();
            error.write(&mut writer);
            self.finish(
                Status::Error,
                writer.as_slice(),
                channel::Stage::Failed(error.clone().into()),
            );
        }
    }

    fn finish(&self, status: Status, value: &[u8], stage: channel::Stage) {
        for job in self.channel().settle(self.header.request, stage, status as u8, value) {
            queue::enqueue(job);
        }
    }
}

/// Runs a job on an attached thread and reports its completion; in the pool in a copy of the thread's context, so that
/// context variables set by one job are not seen by the next.
fn run(py: Python<'_>, job: Job, queue: &Queue, announced: &mut Announced<'_>, writer: &mut Writer) {
    if !job.take() {
        return;
    }
    let references = JobReferences {
        channel: job.channel(),
        missing: Cell::new(None),
        failure: RefCell::new(None),
    };
    let context = queue.isolates().then(|| IsolatedContext::enter(py)).flatten();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        operation::run(py, &job.header, job.request(), &references)
    }));
    drop(context);
    if let Some(missing) = references.missing.get() {
        let channel = Arc::clone(job.channel());
        job.put_back();
        if let Some(job) = channel.park(missing, job) {
            // It was done by the time we asked.
            queue::enqueue(job);
        }
        return;
    }
    let failure = references.failure.take();
    let result = match (caught, failure) {
        (_, Some(failure)) => Err(failure),
        (Ok(result), None) => result,
        (Err(panic), None) => Err(BridgeError::from_panic(panic.as_ref()).into()),
    };
    writer.clear();
    let (status, stage) = report(py, &job.header, result, writer);
    announced.give();
    job.finish(status, writer.as_slice(), stage);
}

fn report(
    py: Python<'_>,
    header: &Header,
    result: Result<Outcome<'_>, Failure>,
    writer: &mut Writer,
) -> (Status, channel::Stage) {
    let failed = |failure: Failure, writer: &mut Writer| {
        writer.clear();
        failure.write(py, true, writer, &mut Crossings::default());
        (Status::Error, failure)
    };
    match result {
        Err(failure) => {
            let (status, failure) = failed(failure, writer);
            (status, channel::Stage::Failed(failure))
        }
        Ok(outcome) => {
            let status = if header.converts() {
                let mut crossings = Crossings::default();
                match outcome.write(header.returns(), writer, &mut crossings) {
                    Ok(()) => Status::Value,
                    Err(failure) => {
                        crossings.give_back(py);
                        failed(failure, writer).0
                    }
                }
            } else {
                Status::Kept
            };
            let (Outcome::Object(object) | Outcome::Description(object)) = outcome;
            (status, channel::Stage::Done(Held::new(object)))
        }
    }
}

/// The crossings of a message under construction. For results, which name no references of their own.
#[derive(Default)]
pub struct Crossings(Vec<u32>);

impl Crossings {
    /// Gives everything back: the message will not be sent.
    pub fn give_back(&mut self, py: Python<'_>) {
        for id in self.0.drain(..) {
            handles::release(py, id, 1);
        }
    }
}

impl References for Crossings {
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
        let (id, kind) = handles::export(object);
        self.0.push(id);
        (id, kind)
    }

    fn import<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        handles::get(py, id)
    }

    fn request<'py>(&self, _py: Python<'py>, _id: u32) -> Option<Bound<'py, PyAny>> {
        None
    }
}

/// What a queued request may name: handles, and outcomes of requests of the same channel.
struct JobReferences<'a> {
    channel: &'a Channel,
    /// The first request that is not done yet.
    missing: Cell<Option<u32>>,
    /// The failure of a request that was named, which becomes this one's.
    failure: RefCell<Option<Failure>>,
}

impl References for JobReferences<'_> {
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
        handles::export(object)
    }

    fn import<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        handles::get(py, id)
    }

    fn request<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        match self.channel.outcome(py, id) {
            channel::Known::Done(object) => return Some(object),
            channel::Known::Pending => self.missing.set(Some(id)),
            channel::Known::Failed(failure) => {
                self.failure.replace(Some(failure));
            }
            channel::Known::Cancelled => {
                let message = "a call that this one builds on was cancelled before it started";
                self.failure
                    .replace(Some(BridgeError::new(ErrorCode::Cancelled, message).into()));
            }
            channel::Known::Unknown => {}
        }
        None
    }
}

/// A copy of the thread's context, entered.
struct IsolatedContext<'py>(Bound<'py, PyAny>);

impl<'py> IsolatedContext<'py> {
    fn enter(py: Python<'py>) -> Option<Self> {
        let symbols = symbols();
        // SAFETY: attached.
        let context = unsafe { (symbols.context_copy)() };
        // SAFETY: an owned reference or null.
        let context = unsafe { Bound::from_owned_ptr_or_opt(py, context) }?;
        // SAFETY: a context that is not entered yet.
        (unsafe { (symbols.context_enter)(context.as_ptr()) } == 0).then_some(Self(context))
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
