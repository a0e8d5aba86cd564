//! Awaitables that a request gave: each is awaited by a task of the loop, and its outcome is that of the request.

use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxHashMap;
use symphony_wire::{ErrorCode, Writer};

use super::channel::Stage;
use super::event_loop::{self, Work};
use super::interrupts::Interruption;
use super::output::{Capture, captured};
use super::streams;
use super::{Channel, IsolatedContext, Job, JobReferences, Place, Prepared, tasks};
use crate::errors::{BridgeError, Failure};
use crate::gil::{GilCell, Held};
use crate::operation::{self, Outcome};
use crate::runtime::{self, Function};
use crate::symbols::symbols;
use crate::types::Opening;

/// A request: its environment's channel, and its number there.
pub(super) type Key = (usize, u32);

/// What a request gave and is to be awaited.
pub(super) struct Awaitable {
    job: Job,
    object: Held,
    /// The context in which the request ran, left by now.
    context: Option<Held>,
    /// Whoever names the request gets the awaitable itself.
    shared: bool,
    /// A plain copy of the result is wanted.
    opening: Option<Opening>,
}

impl Awaitable {
    /// What a job gave, from now on to be awaited; and the jobs that need not wait for that. `context` is that of the job, left by now.
    fn of<'py>(job: Job, outcome: Outcome<'py>, context: Option<Bound<'py, PyAny>>, kind: Waits) -> (Self, Vec<Job>) {
        let (object, opening) = match outcome {
            Outcome::Object(object) | Outcome::Buffer(object) | Outcome::Description(object) => (object, None),
            Outcome::Opened(object, opening) => (object, Some(opening)),
        };
        let shared = kind == Waits::Other;
        let ready = job
            .channel()
            .awaits(job.header.request, shared.then(|| Held::new(object.clone())));
        let awaitable = Self {
            job,
            object: Held::new(object),
            context: context.map(Held::new),
            shared,
            opening,
        };
        (awaitable, ready)
    }
}

/// A task under way. The loop itself holds it weakly.
struct UnderWay {
    task: Py<PyAny>,
    awaiting: Py<Awaiting>,
    /// It was cancelled; once is enough.
    cancelled: bool,
}

static TASKS: GilCell<Option<FxHashMap<Key, UnderWay>>> = GilCell::new(None);

/// Whether what an operation gave is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// It is the outcome.
    No,
    /// A coroutine is nothing by itself: it is awaited in any case.
    Coroutine,
    /// Another awaitable is awaited where its value is asked for; it is a Python object of its own as well.
    Other,
}

/// Whether an object is what `async def` functions give.
fn is_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::Py_TYPE(object.as_ptr()) == symbols().coroutine_type }
}

/// Whether an object is what generators that are decorated with `types.coroutine` give.
fn is_generator_coroutine(object: &Bound<'_, PyAny>) -> bool {
    const ITERABLE_COROUTINE: u32 = 0x100;
    // SAFETY: a live object.
    if unsafe { ffi::Py_TYPE(object.as_ptr()) } != symbols().generator_type {
        return false;
    }
    let py = object.py();
    let flags = object
        .getattr(pyo3::intern!(py, "gi_code"))
        .and_then(|code| code.getattr(pyo3::intern!(py, "co_flags")))
        .and_then(|flags| flags.extract::<u32>());
    flags.is_ok_and(|flags| flags & ITERABLE_COROUTINE != 0)
}

/// What to do with the outcome of a job.
pub(super) fn waits(job: &Job, outcome: &Outcome<'_>) -> Waits {
    let (Outcome::Object(object) | Outcome::Opened(object, _)) = outcome else {
        return Waits::No;
    };
    if job.header.is_stream() {
        return Waits::Coroutine;
    }
    if !job.header.gives_object() {
        return Waits::No;
    }
    if is_coroutine(object) || is_generator_coroutine(object) {
        return Waits::Coroutine;
    }
    if !job.header.converts() || job.header.is_reference() {
        return Waits::No;
    }
    let class = object.get_type();
    // SAFETY: a live type; the slot exists in the stable ABI.
    let slot = unsafe { ffi::PyType_GetSlot(class.as_type_ptr(), ffi::Py_am_await) };
    if slot.is_null() { Waits::No } else { Waits::Other }
}

/// Hands what a job gave on another thread to the loop; gives jobs that need not wait for it.
#[must_use]
pub(super) fn hand_over(
    py: Python<'_>,
    job: Job,
    outcome: Outcome<'_>,
    context: Option<IsolatedContext<'_>>,
    kind: Waits,
) -> Vec<Job> {
    // A session's context goes on changing, so the task gets a copy.
    let context = context.map_or_else(|| IsolatedContext::copy(py), |context| Some(context.leave()));
    let (awaitable, ready) = Awaitable::of(job, outcome, context, kind);
    if let Err(work) = event_loop::push(Work::Await(awaitable)) {
        super::queue::enqueue(refuse(work));
    }
    ready
}

/// Fails what the loop does not take any more; gives the jobs that waited for that.
#[must_use]
pub(super) fn refuse(work: Vec<Work>) -> Vec<Job> {
    let error = BridgeError::new(ErrorCode::Closed, "Python was stopped before this call ended");
    let mut waiting = Vec::new();
    for one in work {
        match one {
            Work::Run(mut job) => waiting.extend(job.refuse(&error)),
            Work::Await(Awaitable { job, .. }) => waiting.extend(job.fail(error.clone())),
            Work::Cancel(..) | Work::CancelAll(_) | Work::Leave(..) | Work::Resume(_) => {}
        }
    }
    waiting
}

/// The loop runs no longer: what came for it fails.
pub(crate) fn close() {
    super::queue::enqueue(refuse(event_loop::close()));
}

/// Runs a request on the loop's thread.
pub(super) fn run(py: Python<'_>, job: Job) {
    let Some(Prepared { mut job, refused }) = super::prepare(py, job, || None) else {
        return;
    };
    let context = IsolatedContext::enter(py);
    let capture = Capture::begin(py, &job, context.is_none());
    let result = match refused {
        Some(failure) => Err(failure),
        None => super::guarded(|| captured(py, &capture, || perform(py, &job))),
    };
    let Some(result) = result.transpose() else {
        // It may block, and is not what it was the last time: a thread of the pool runs it.
        drop(capture);
        drop(context);
        job.leave_loop();
        super::queue::enqueue(vec![job]);
        return;
    };
    let kind = result.as_ref().map_or(Waits::No, |outcome| waits(&job, outcome));
    match (kind, result) {
        (Waits::Coroutine | Waits::Other, Ok(outcome)) => {
            let (awaitable, ready) = Awaitable::of(job, outcome, context.map(IsolatedContext::leave), kind);
            super::queue::enqueue(ready);
            drop(capture);
            start(py, awaitable);
        }
        (_, result) => {
            settle(py, &job, result, None);
            drop(context);
        }
    }
}

/// Reports what became of a job on the loop's thread. `subject` is what those get that name it, if that is not the result.
fn settle(py: Python<'_>, job: &Job, result: Result<Outcome<'_>, Failure>, subject: Option<Py<PyAny>>) {
    let mut writer = Writer::new();
    let (status, stage) = super::guarded_report(py, job, result, &mut writer, None);
    let stage = match (subject, stage) {
        (Some(subject), Stage::Done(_)) => Stage::Done(Held::new(subject.into_bound(py))),
        (_, stage) => stage,
    };
    super::queue::enqueue(job.finish(status, writer.as_slice(), stage));
}

/// Runs the operation of a job; nothing if it came here because it calls a coroutine function, which it does not.
fn perform<'py>(py: Python<'py>, job: &Job) -> Result<Option<Outcome<'py>>, Failure> {
    if job.header.is_stream() {
        return streams::open_on_loop(py, job).map(Some);
    }
    if job.header.is_throw() {
        return streams::throw(py, job).map(Some);
    }
    let references = JobReferences { channel: job.channel() };
    let mut operation = operation::read(py, &job.header, job.request(), &references)?;
    if job.place == Place::LoopIfCoroutine && !operation.calls_coroutine_function(py)? {
        return Ok(None);
    }
    operation.perform(py).map(Some)
}

/// Starts the task that awaits what a job gave.
pub(super) fn start(py: Python<'_>, awaitable: Awaitable) {
    let Awaitable {
        job,
        object,
        context,
        shared,
        opening,
    } = awaitable;
    let object = object.into_bound(py);
    let context = context.map(|context| context.into_bound(py));
    let key = job.key();
    let is_stream = job.header.is_stream();
    let channel = std::sync::Arc::clone(job.channel());
    let steps = if is_coroutine(&object) || is_generator_coroutine(&object) {
        Ok(object.clone())
    } else {
        // As the interpreter does: the type's method, not the instance's.
        object
            .get_type()
            .getattr(pyo3::intern!(py, "__await__"))
            .and_then(|method| method.call1((&object,)))
    };
    let steps = match steps {
        Ok(steps) => steps,
        Err(error) => return settle(py, &job, Err(error.into()), None),
    };
    let subject = shared.then(|| object.unbind());
    let awaiting = Awaiting {
        steps: steps.unbind(),
        job: GilCell::new(Some(Unsettled { job, subject, opening })),
    };
    let awaiting = match Bound::new(py, awaiting) {
        Ok(awaiting) => awaiting,
        // The job fails because what awaits it is dropped.
        Err(error) => return error.write_unraisable(py, None),
    };
    let started = tasks::start(awaiting.as_any(), context);
    match started {
        Ok(task) => {
            if awaiting.get().job.with(py, |job| job.is_none()) {
                return;
            }
            let under_way = UnderWay {
                task: task.unbind(),
                awaiting: awaiting.unbind(),
                cancelled: false,
            };
            TASKS.with(py, |tasks| tasks.get_or_insert_default().insert(key, under_way));
            // A stream that is closed has seen that by now.
            let interruption = channel.interruption(key.1).filter(|_| !is_stream);
            if channel.is_closed() || interruption.is_some() {
                cancel(py, key, interruption.unwrap_or(Interruption::Cancelled));
            }
        }
        // Such as a `KeyboardInterrupt` that came here.
        Err(error) => awaiting.get().end(py, Err(error)),
    }
}

/// Cancels a task, if it is under way. The argument of its `CancelledError` says that its time is over, if that is why.
pub(super) fn cancel(py: Python<'_>, key: Key, interruption: Interruption) {
    let task = TASKS.with(py, |tasks| {
        let under_way = tasks.as_mut()?.get_mut(&key)?;
        (!std::mem::replace(&mut under_way.cancelled, true)).then(|| under_way.task.clone_ref(py))
    });
    let Some(task) = task.map(|task| task.into_bound(py)) else {
        return;
    };
    let name = pyo3::intern!(py, "cancel");
    let cancelled = match interruption {
        Interruption::Cancelled => task.call_method0(name),
        Interruption::TimedOut => {
            runtime::function(py, Function::TaskTimeout).and_then(|class| task.call_method1(name, (class.call0()?,)))
        }
    };
    if let Err(error) = cancelled {
        error.write_unraisable(py, Some(&task));
    }
}

/// Cancels the tasks of an environment.
pub(super) fn cancel_all(py: Python<'_>, channel: &Channel) {
    let address = std::ptr::from_ref(channel) as usize;
    let keys: Vec<Key> = TASKS.with(py, |tasks| {
        let keys = tasks.iter().flat_map(FxHashMap::keys);
        keys.filter(|key| key.0 == address).copied().collect()
    });
    for key in keys {
        cancel(py, key, Interruption::Cancelled);
    }
}

/// The loop has ended, and with it what did not end in time.
pub(crate) fn abandon_all(py: Python<'_>) {
    let left = TASKS.with(py, Option::take).unwrap_or_default();
    for under_way in left.into_values() {
        under_way.awaiting.get().abandon(py);
    }
}

/// How many tasks of JavaScript's are under way.
pub(crate) fn count(py: Python<'_>) -> usize {
    TASKS.with(py, |tasks| tasks.as_ref().map_or(0, FxHashMap::len))
}

/// What a task of the loop runs: the steps of an awaitable, whose end it reports. It follows the protocol of coroutines, and for
/// anything else it is what it awaits, so that `asyncio`'s own tools show that.
#[pyclass(frozen, module = "symphony_bridge._native")]
pub(crate) struct Awaiting {
    steps: Py<PyAny>,
    /// Until it is done.
    job: GilCell<Option<Unsettled>>,
}

/// A request whose outcome is awaited.
struct Unsettled {
    job: Job,
    /// What those get that name it, if that is not the result.
    subject: Option<Py<PyAny>>,
    opening: Option<Opening>,
}

#[pymethods]
impl Awaiting {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.step(py, &py.None().into_bound(py))
    }

    fn send<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py, value)?
            .ok_or_else(|| pyo3::exceptions::PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (*error))]
    fn throw<'py>(&self, py: Python<'py>, error: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let steps = self.steps.bind(py);
        let name = pyo3::intern!(py, "throw");
        let next = match steps.getattr_opt(name)? {
            Some(throw) => throw.call1(error),
            // An iterator without it ends with the exception, as it would in a coroutine.
            None => Err(match error.get_item(0)?.cast_into::<PyBaseException>() {
                Ok(exception) => PyErr::from_value(exception.into_any()),
                Err(_) => PyErr::from_value(error.get_item(0)?.call0()?),
            }),
        };
        match next {
            Ok(next) => Ok(next),
            Err(raised) if raised.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => {
                let value = raised.value(py).getattr(pyo3::intern!(py, "value"))?;
                self.end(py, Ok(value));
                Err(pyo3::exceptions::PyStopIteration::new_err(()))
            }
            Err(raised) => {
                self.fail(py, raised)?;
                Err(pyo3::exceptions::PyStopIteration::new_err(()))
            }
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = match self.steps.bind(py).getattr_opt(pyo3::intern!(py, "close"))? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        };
        self.abandon(py);
        closed
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let steps = self.steps.bind(py);
        match steps.getattr_opt(name)? {
            Some(attribute) => Ok(attribute),
            // By which asyncio shows the task.
            None if name == "__qualname__" || name == "__name__" => Ok(steps.get_type().qualname()?.into_any()),
            None => steps.getattr(name),
        }
    }
}

impl Awaiting {
    /// One step; nothing at the end.
    fn step<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut next = std::ptr::null_mut();
        // SAFETY: two live objects and a place for the result.
        let status = unsafe { ffi::PyIter_Send(self.steps.as_ptr(), value.as_ptr(), &raw mut next) };
        // SAFETY: an owned reference, or null with an exception.
        let next = unsafe { Bound::from_owned_ptr_or_opt(py, next) };
        event_loop::end_child(py);
        match (status, next) {
            (ffi::PySendResult::PYGEN_NEXT, next) => Ok(next),
            (ffi::PySendResult::PYGEN_RETURN, Some(value)) => {
                self.end(py, Ok(value));
                Ok(None)
            }
            _ => {
                self.fail(py, PyErr::fetch(py))?;
                Ok(None)
            }
        }
    }

    /// The end by an exception. Only a cancellation goes on to the task, which is cancelled then: what would stop the loop
    /// (`SystemExit`) is the outcome of this call alone.
    fn fail(&self, py: Python<'_>, raised: PyErr) -> PyResult<()> {
        let cancelled = is_cancellation(py, &raised);
        let exception = raised.clone_ref(py);
        self.end(py, Err(raised));
        if cancelled { Err(exception) } else { Ok(()) }
    }

    fn end(&self, py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) {
        let Some(Unsettled { job, subject, opening }) = self.take(py) else {
            return;
        };
        let stream = job
            .header
            .is_stream()
            .then(|| job.channel().stream(job.header.request))
            .flatten();
        let refused = stream.and_then(|stream| stream.take_failure(py));
        let result = match (result, refused) {
            (_, Some(failure)) => Err(failure),
            (Ok(value), None) => Ok(match opening {
                Some(opening) => Outcome::Opened(value, opening),
                None => Outcome::Object(value),
            }),
            (Err(raised), None) => Err(ended_by(py, &job, raised)),
        };
        settle(py, &job, result, subject);
    }

    /// The request, of which it is about to be told what became.
    fn take(&self, py: Python<'_>) -> Option<Unsettled> {
        let unsettled = self.job.with(py, Option::take)?;
        let key = unsettled.job.key();
        TASKS.with(py, |tasks| tasks.as_mut().and_then(|tasks| tasks.remove(&key)));
        Some(unsettled)
    }

    /// The task will never end.
    fn abandon(&self, py: Python<'_>) {
        let Some(Unsettled { job, .. }) = self.take(py) else {
            return;
        };
        let message = "the event loop ended before this call did";
        super::queue::enqueue(job.fail(BridgeError::new(ErrorCode::Closed, message)));
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        Python::attach(|py| self.abandon(py));
    }
}

/// An exception as the outcome of a job: a cancellation that was asked for is no exception of the program's.
fn ended_by(py: Python<'_>, job: &Job, raised: PyErr) -> Failure {
    if job.channel().is_cancelled(job.header.request) && is_cancellation(py, &raised) {
        return BridgeError::new(ErrorCode::Cancelled, "the task was cancelled").into();
    }
    raised.into()
}

fn is_cancellation(py: Python<'_>, raised: &PyErr) -> bool {
    runtime::function(py, Function::CancelledError).is_ok_and(|class| raised.matches(py, class).unwrap_or(false))
}
