//! Streams: requests that give items one after the other, as many as JavaScript has asked for.
//!
//! ```text
//!  JS thread                      a thread of the pool, or a task of the loop
//!  stream request (n credits) ─▶ iterator; an item a credit ─▶ Channel.completions (status `Item`)
//!  grant(n) ───────────────────▶ goes on
//!  close ──────────────────────▶ closes the iterator ─▶ the end (status `End`)
//! ```
//!
//! Items go over as they come, and those that come before JavaScript looks go over together. A stream without credits occupies no
//! thread: its job rests in its [`Control`] until JavaScript grants some. An asynchronous iterator is driven by one task from its
//! first item to its last, since what it enters in one step (a timeout, a cancel scope) is often left in another one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use symphony_wire::{ErrorCode, Writer};

use super::awaiting::{self, Waits};
use super::event_loop::{self, Work};
use super::forked;
use super::interrupts::Interruptible;
use super::output::{Capture, captured};
use super::queue::{self, Announced, Queue};
use super::{Channel, Crossings, IsolatedContext, Job, JobReferences, Place, Prepared, Status};
use crate::errors::{BridgeError, Failure};
use crate::gil::{GilCell, Held};
use crate::operation::{self, Header, Operation, Outcome, Wanted};
use crate::runtime::{self, Function};

/// What JavaScript wants of a stream.
pub(super) struct Control {
    wishes: Mutex<Wishes>,
    /// The iterator is the program's own object: leaving the loop does not close it.
    lent: AtomicBool,
    /// The future for which the task of an asynchronous iterator waits.
    waiter: GilCell<Option<Py<PyAny>>>,
    /// The task of an asynchronous iterator waits for an item, rather than for wishes or for the end.
    stepping: GilCell<bool>,
    /// Why an item could not go over, until the task has ended.
    failure: GilCell<Option<Failure>>,
}

#[derive(Default)]
struct Wishes {
    /// Items that may still be made.
    credits: u32,
    /// No more items are wanted, and the iterator is to be closed.
    closing: bool,
    /// An exception to be thrown into the generator.
    thrown: Option<Held>,
    resting: Resting,
}

/// Who waits for wishes.
#[derive(Default)]
enum Resting {
    /// Nobody: items are being made, or the stream has ended.
    #[default]
    Nobody,
    /// The job of a synchronous iterator.
    Job(Box<Job>),
    /// The task of an asynchronous iterator.
    Task,
}

/// What a stream does next.
enum Wish {
    Item,
    Close,
    Throw(Held),
}

/// A stream on a thread that has begun.
pub(super) struct Begun {
    control: Arc<Control>,
    iterator: Held,
    /// In which its steps run, one after the other.
    context: Option<Held>,
}

impl Control {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            wishes: Mutex::default(),
            lent: AtomicBool::new(false),
            waiter: GilCell::new(None),
            stepping: GilCell::new(false),
            failure: GilCell::new(None),
        })
    }

    /// More items are wanted. Needs no GIL.
    pub(super) fn grant(self: &Arc<Self>, credits: u32) {
        self.wish(|wishes| wishes.credits = wishes.credits.saturating_add(credits));
    }

    /// No more items are wanted. Needs no GIL. Gives whether a task waits for something else and must be cancelled.
    pub(super) fn close(self: &Arc<Self>) -> bool {
        self.wish(|wishes| wishes.closing = true)
    }

    /// An exception is to be thrown into the generator, and what comes of that is wanted.
    fn throw(self: &Arc<Self>, exception: Held) {
        self.wish(|wishes| {
            wishes.thrown = Some(exception);
            // For what the generator yields then.
            wishes.credits = wishes.credits.saturating_add(1);
        });
    }

    /// Records a wish and wakes who waits for one; whether nobody did.
    fn wish(self: &Arc<Self>, change: impl FnOnce(&mut Wishes)) -> bool {
        let resting = {
            let mut wishes = lock(&self.wishes);
            change(&mut wishes);
            std::mem::take(&mut wishes.resting)
        };
        match resting {
            Resting::Nobody => return true,
            Resting::Job(job) => queue::enqueue(vec![*job]),
            // A loop that takes nothing any more has ended its tasks.
            Resting::Task => drop(event_loop::push(Work::Resume(Arc::clone(self)))),
        }
        false
    }

    /// The next wish; nothing if there is none, and then `rest` is who waits for it.
    fn next(&self, rest: impl FnOnce() -> Resting) -> Option<Wish> {
        let mut wishes = lock(&self.wishes);
        if wishes.closing {
            return Some(Wish::Close);
        }
        if let Some(exception) = wishes.thrown.take() {
            wishes.credits = wishes.credits.saturating_sub(1);
            return Some(Wish::Throw(exception));
        }
        if wishes.credits == 0 {
            wishes.resting = rest();
            return None;
        }
        wishes.credits -= 1;
        Some(Wish::Item)
    }

    /// Why the stream ended, if an item could not go over.
    pub(super) fn take_failure(&self, py: Python<'_>) -> Option<Failure> {
        self.failure.with(py, Option::take)
    }

    /// Whether the task waits for an item, which may take for ever; asked by who ends that wait.
    pub(super) fn leave_step(&self, py: Python<'_>) -> bool {
        self.stepping.with(py, std::mem::take)
    }

    /// Wakes the task that waits for wishes.
    pub(super) fn resume(&self, py: Python<'_>) {
        let waiter = self.waiter.with(py, Option::take);
        if let Some(waiter) = waiter
            && let Err(error) = waiter.call_method1(py, pyo3::intern!(py, "set_result"), (py.None(),))
        {
            // The task was cancelled meanwhile, and its future with it.
            drop(error);
        }
    }
}

/// Runs a stream until it ends or nothing more is wanted.
pub(super) fn run(
    py: Python<'_>,
    mut job: Job,
    queue: &Arc<Queue>,
    announced: &mut Announced<'_>,
    writer: &mut Writer,
) {
    if job.stream.is_none() {
        let Some(opened) = begin(py, job, queue, announced, writer) else {
            return;
        };
        job = opened;
    }
    job.note(py);
    let Some(mut begun) = job.stream.take() else { return };
    let context = begun
        .context
        .take()
        .and_then(|context| IsolatedContext::enter_again(context.into_bound(py)));
    // A session's context forgets it between the steps.
    let capture = Capture::begin(py, &job, context.is_none());
    let interruptible = Interruptible::begin(py, job.key());
    let iterator = begun.iterator.bind(py);
    let control = Arc::clone(&begun.control);
    let mut begun = Some(begun);
    let mut resting = Some(job);
    let items = || {
        loop {
            let wish = control.next(|| {
                let mut job = resting.take().expect("the job rests once");
                let mut begun = begun.take().expect("as above");
                begun.context = context.as_ref().map(|context| Held::new(context.0.clone()));
                job.stream = Some(begun);
                job.noted = None;
                Resting::Job(Box::new(job))
            });
            let Some(wish) = wish else { return Ok(()) };
            let job = resting.as_ref().expect("it does not rest");
            if !step(py, job, &control, &interruptible, &iterator, wish, writer)? {
                return Ok(());
            }
        }
    };
    let result = super::guarded(|| captured(py, &capture, items));
    forked::end_child(py, queue.process(), &result);
    drop(capture);
    // A resting job may be running again on another thread by now, which has the GIL only after this.
    announced.give();
    if let Some(job) = resting {
        let result = result.map(|()| Outcome::Object(py.None().into_bound(py)));
        let (status, stage) = super::guarded_report(py, &job, result, writer, Some(&interruptible));
        interruptible.end(py);
        drop(context);
        queue::enqueue(job.finish(status, writer.as_slice(), stage));
    } else {
        interruptible.end(py);
    }
}

/// Opens the iterator; nothing if that failed, or if it is an asynchronous one, which a task drives.
fn begin(
    py: Python<'_>,
    job: Job,
    queue: &Arc<Queue>,
    announced: &mut Announced<'_>,
    writer: &mut Writer,
) -> Option<Job> {
    let Prepared { mut job, refused } = super::prepare(py, job, || Queue::reserve(queue))?;
    let context = queue.isolates().then(|| IsolatedContext::enter(py)).flatten();
    let interruptible = Interruptible::begin(py, job.key());
    let refused = refused.or_else(|| job.cancelled());
    let capture = Capture::begin(py, &job, context.is_none());
    let opened = match refused {
        Some(failure) => Err(failure),
        None => super::guarded(|| captured(py, &capture, || open(py, &job))),
    };
    let opened = opened.map_err(|failure| interruptible.explained(py, failure));
    interruptible.end(py);
    forked::end_child(py, queue.process(), &opened);
    match opened {
        Ok(Opened::Iterator(iterator, control)) => {
            job.stream = Some(Box::new(Begun {
                control,
                iterator: Held::new(iterator),
                context: context.map(|context| Held::new(context.leave())),
            }));
            return Some(job);
        }
        Ok(Opened::Coroutine(coroutine)) => {
            announced.give();
            let outcome = Outcome::Object(coroutine);
            queue::enqueue(awaiting::hand_over(py, job, outcome, context, Waits::Coroutine));
        }
        Err(failure) => {
            let (status, stage) = super::guarded_report(py, &job, Err(failure), writer, None);
            drop(context);
            announced.give();
            queue::enqueue(job.finish(status, writer.as_slice(), stage));
        }
    }
    None
}

/// Does what is wished; `false` at the end.
fn step(
    py: Python<'_>,
    job: &Job,
    control: &Control,
    interruptible: &Interruptible,
    iterator: &Bound<'_, PyAny>,
    wish: Wish,
    writer: &mut Writer,
) -> Result<bool, Failure> {
    let item = match wish {
        Wish::Item => {
            // SAFETY: an iterator, which `open` made sure of.
            let item = unsafe { ffi::PyIter_Next(iterator.as_ptr()) };
            // SAFETY: an owned reference, or null at the end or with an exception set.
            let item = unsafe { Bound::from_owned_ptr_or_opt(py, item) };
            if item.is_none() && PyErr::occurred(py) {
                return Err(Failure::take(py));
            }
            item
        }
        Wish::Close => {
            close(control, interruptible, iterator)?;
            None
        }
        Wish::Throw(exception) => {
            job.channel().emit(job.header.request, Status::Thrown, &[]);
            let exception = exception.into_bound(py);
            let Some(throw) = iterator.getattr_opt(pyo3::intern!(py, "throw"))? else {
                return Err(Failure::of_exception(exception));
            };
            match throw.call1((exception,)) {
                Ok(item) => Some(item),
                Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => None,
                Err(error) => return Err(error.into()),
            }
        }
    };
    let Some(item) = item else { return Ok(false) };
    let handed = emit(job.channel(), &job.header, item, writer);
    if handed.as_ref().is_ok_and(|wanted| !wanted) {
        // The environment has ended.
        close(control, interruptible, iterator)?;
        return Ok(false);
    }
    if let Err(failure) = handed {
        // Leaving a loop early closes the generator, also when it is a conversion that ends it.
        if let Err(error) = close(control, interruptible, iterator) {
            drop(error);
        }
        return Err(failure);
    }
    Ok(true)
}

/// Closes an iterator that nobody else has. What cleans up comes to its end, whoever calls the stream off meanwhile.
fn close(control: &Control, interruptible: &Interruptible, iterator: &Bound<'_, PyAny>) -> Result<(), Failure> {
    if control.lent.load(Ordering::Relaxed) {
        return Ok(());
    }
    interruptible.shield(iterator.py());
    operation::close(iterator).map(drop)
}

/// Hands over an item of the stream with that header; whether anybody wants it.
fn emit(channel: &Arc<Channel>, header: &Header, item: Bound<'_, PyAny>, writer: &mut Writer) -> Result<bool, Failure> {
    let py = item.py();
    let mut crossings = Crossings::of(channel);
    writer.clear();
    let written = Outcome::Object(item).write(header.returns(), writer, &mut crossings);
    if let Err(failure) = written.and_then(|()| super::checked_length(writer)) {
        crossings.give_back(py);
        return Err(failure);
    }
    Ok(channel.emit(header.request, Status::Item, writer.as_slice()))
}

enum Opened<'py> {
    Iterator(Bound<'py, PyAny>, Arc<Control>),
    /// What drives an asynchronous iterator.
    Coroutine(Bound<'py, PyAny>),
}

/// Opens the iterator of a stream on the loop's thread; gives what drives it.
pub(super) fn open_on_loop<'py>(py: Python<'py>, job: &Job) -> Result<Outcome<'py>, Failure> {
    match open(py, job)? {
        Opened::Coroutine(object) | Opened::Iterator(object, _) => Ok(Outcome::Object(object)),
    }
}

fn open<'py>(py: Python<'py>, job: &Job) -> Result<Opened<'py>, Failure> {
    let references = JobReferences { channel: job.channel() };
    let operation: Operation<'py> = operation::read(py, &job.header, job.request(), &references)?;
    let Wanted {
        object,
        asked,
        ahead,
        by_default,
    } = operation.streamed(py)?;
    let Some(control) = job.channel().stream(job.header.request) else {
        return Err(BridgeError::new(ErrorCode::Closed, "nobody waits for the items any more").into());
    };
    let prepare = |iterator: &Bound<'py, PyAny>| -> PyResult<()> {
        // What somebody else goes on with is left as it is, and nothing is taken from it that nobody asked for.
        let generator =
            iterator.hasattr(pyo3::intern!(py, "throw"))? || iterator.hasattr(pyo3::intern!(py, "athrow"))?;
        let lent = !generator && iterator.is(&object);
        control.lent.store(lent, Ordering::Relaxed);
        let exact = lent && by_default;
        if exact {
            job.channel().emit(job.header.request, Status::Exact, &[]);
        }
        control.grant(if exact { asked } else { asked.saturating_add(ahead) });
        Ok(())
    };
    if let Some(open) = object.get_type().getattr_opt(pyo3::intern!(py, "__aiter__"))? {
        let iterator = open.call1((&object,))?;
        prepare(&iterator)?;
        if !iterator.get_type().hasattr(pyo3::intern!(py, "__anext__"))? {
            let class = iterator.get_type();
            let message = format!("`__aiter__` must give an asynchronous iterator, but gave `{class}`");
            return Err(PyTypeError::new_err(message).into());
        }
        return driven(&iterator, Function::Stream, control, job);
    }
    let iterator = operation::iterator(py, &object)?;
    prepare(&iterator)?;
    match job.place {
        Place::Thread => Ok(Opened::Iterator(iterator, control)),
        Place::Loop | Place::LoopIfCoroutine => driven(&iterator, Function::PlainStream, control, job),
    }
}

/// The coroutine that drives an iterator on the loop.
fn driven<'py>(
    iterator: &Bound<'py, PyAny>,
    driver: Function,
    control: Arc<Control>,
    job: &Job,
) -> Result<Opened<'py>, Failure> {
    let py = iterator.py();
    let stream = Stream {
        control,
        channel: Arc::clone(job.channel()),
        header: job.header,
    };
    let drive = runtime::function(py, driver)?;
    Ok(Opened::Coroutine(drive.call1((iterator, Bound::new(py, stream)?))?))
}

/// A stream as the task sees it that drives an asynchronous iterator.
#[pyclass(frozen, module = "symphony_bridge._native")]
pub(crate) struct Stream {
    control: Arc<Control>,
    channel: Arc<Channel>,
    header: Header,
}

#[pymethods]
impl Stream {
    /// What to do next: `True` an item, `False` close, an exception to throw it; `None` if nothing is wished, and then `future` is
    /// done when something is.
    #[pyo3(signature = (future = None))]
    fn wish<'py>(&self, py: Python<'py>, future: Option<Py<PyAny>>) -> Option<Bound<'py, PyAny>> {
        let rests = future.is_some();
        if rests {
            drop(self.control.waiter.with(py, |waiter| std::mem::replace(waiter, future)));
        }
        self.next(py, if rests { Resting::Task } else { Resting::Nobody })
    }

    /// Hands over an item; what to do next, as [`wish`](Self::wish) says. An item that cannot go over closes the iterator.
    fn item<'py>(&self, item: Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let py = item.py();
        let mut writer = WRITER.with(py, Option::take).unwrap_or_default();
        let wanted = emit(&self.channel, &self.header, item, &mut writer);
        WRITER.with(py, |kept| drop(kept.replace(writer)));
        // Nobody wants it if the environment has ended.
        let goes_on = wanted.unwrap_or_else(|failure| {
            drop(self.control.failure.with(py, |kept| kept.replace(failure)));
            false
        });
        if goes_on {
            return self.next(py, Resting::Nobody);
        }
        self.steps(py, false);
        Some(flag(py, false))
    }

    /// Whether the iterator is the program's own object, which leaving the loop does not close.
    #[getter]
    fn lent(&self) -> bool {
        self.control.lent.load(Ordering::Relaxed)
    }

    /// Whether the stream is to be closed.
    #[getter]
    fn closing(&self) -> bool {
        lock(&self.control.wishes).closing
    }
}

impl Stream {
    /// Whether an item is waited for from here on.
    fn steps(&self, py: Python<'_>, steps: bool) {
        self.control.stepping.with(py, |stepping| *stepping = steps);
    }

    fn next<'py>(&self, py: Python<'py>, resting: Resting) -> Option<Bound<'py, PyAny>> {
        let wish = self.control.next(|| resting);
        self.steps(py, matches!(wish, Some(Wish::Item | Wish::Throw(_))));
        match wish? {
            Wish::Item => Some(flag(py, true)),
            Wish::Close => Some(flag(py, false)),
            Wish::Throw(exception) => {
                self.channel.emit(self.header.request, Status::Thrown, &[]);
                Some(exception.into_bound(py))
            }
        }
    }
}

fn flag(py: Python<'_>, value: bool) -> Bound<'_, PyAny> {
    pyo3::types::PyBool::new(py, value).to_owned().into_any()
}

/// The loop's thread makes one item after the other.
static WRITER: GilCell<Option<Writer>> = GilCell::new(None);

/// Throws an exception into the generator of a stream of the same environment; the request says which.
pub(super) fn throw<'py>(py: Python<'py>, job: &Job) -> Result<Outcome<'py>, Failure> {
    let references = JobReferences { channel: job.channel() };
    let (stream, exception) = operation::read(py, &job.header, job.request(), &references)?.thrown()?;
    // One that has ended says so by itself.
    if let Some(control) = job.channel().stream(stream) {
        control.throw(Held::new(exception));
    }
    Ok(Outcome::Object(py.None().into_bound(py)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
