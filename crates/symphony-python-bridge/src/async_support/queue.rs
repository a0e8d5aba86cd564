//! Where jobs wait, and the threads that take them: one pool, and one thread for each session.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;

use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use symphony_wire::{ErrorCode, Writer};

use super::awaiting;
use super::event_loop::{self, Work};
use super::output::Sink;
use super::{Batch, Channel, Job, Place};
use crate::contexts;
use crate::errors::BridgeError;
use crate::gil::ThreadState;
use crate::interpreter::{self, STACK_BYTES};
use crate::operation::Header;
use crate::{releases, subprocess};

/// The number that stands for the loop's thread where that of a session is expected.
const LOOP_SESSION: u32 = u32::MAX;

static POOL: LazyLock<Arc<Queue>> = LazyLock::new(|| Arc::new(Queue::new(true)));
static POOL_THREADS: AtomicUsize = AtomicUsize::new(4);
static SESSIONS: LazyLock<Mutex<Sessions>> = LazyLock::new(Mutex::default);
static THREADS: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Sessions {
    queues: FxHashMap<u32, Arc<Queue>>,
    /// Those that were closed and still have something to do.
    ending: Vec<Weak<Queue>>,
    last: u32,
}

/// The executor's figures, for `get_system_info`.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// Threads that run.
    pub threads: usize,
    /// Sessions that are open.
    pub sessions: usize,
    /// Environments that have not ended: the main thread, workers, sandboxes.
    pub environments: usize,
    /// Requests of all environments that are under way, or whose outcome is still needed.
    pub requests: usize,
}

/// Jobs and the threads that take them.
///
/// A thread attaches first and then takes jobs until there are none, so that a woken thread that finds the GIL taken
/// holds up no job: whoever has the GIL takes the next one. At most one thread at a time is on its way to the queue.
/// It gets the GIL when the running job releases it, and then sends for the next thread if there is still more to do;
/// so jobs that release the GIL run in parallel, and jobs that do not run on one thread without handing it over.
///
/// The thread that became idle last is woken first, since its caches are the warmest.
pub(super) struct Queue {
    state: Mutex<State>,
    /// The pool: several threads, and each job in a context of its own.
    shared: bool,
    /// Threads that finished a job and will look for the next one in a moment: no need to wake another.
    returning: AtomicUsize,
    /// The process in which the threads run; a forked child has none of them.
    process: u32,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: Vec<Arc<Sleeper>>,
    /// A thread was woken or started and has not looked at the queue yet.
    sent_for: bool,
    /// Jobs that wait for other requests and will come back.
    parked: usize,
    /// A thread that is none of the queue's does what is queued, in the place of one.
    served_from_outside: bool,
    life: Life,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
enum Life {
    #[default]
    Open,
    /// The threads end when there is nothing left to do.
    Ending,
    /// No job is taken any more.
    Stopped,
}

/// A parked job's word that it will come back to a session: its thread stays for it, even if the session was closed.
pub(super) struct Seat(Arc<Queue>);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.parked -= 1;
        let idle = if state.life >= Life::Ending && state.parked == 0 {
            std::mem::take(&mut state.idle)
        } else {
            Vec::new()
        };
        drop(state);
        for sleeper in idle {
            sleeper.call();
        }
    }
}

/// Jobs that a queue did not take, and why.
struct Refused {
    jobs: VecDeque<Job>,
    error: BridgeError,
}

/// A thread that waits for work.
struct Sleeper {
    thread: Thread,
    called: AtomicBool,
}

impl Sleeper {
    fn of_current_thread() -> Arc<Self> {
        Arc::new(Self {
            thread: std::thread::current(),
            called: AtomicBool::new(false),
        })
    }

    fn sleep(&self) {
        while !self.called.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }

    fn call(&self) {
        self.called.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Queues the requests in `bytes`; gives how many of them are no streams. Needs no GIL.
///
/// # Errors
///
/// `ERR_PROTOCOL` for bytes that are not whole requests; nothing is queued then.
pub fn submit(channel: &Arc<Channel>, bytes: &[u8]) -> Result<usize, BridgeError> {
    submit_to(channel, bytes, |jobs| POOL.push(jobs))
}

/// Queues requests of another process. If it gives `true`, the calling thread is to do them, by [`serve_here`]: none of the pool is at work,
/// and to send for one would take longer than most calls do.
///
/// # Errors
///
/// As for [`submit`].
pub(crate) fn submit_from_outside(channel: &Arc<Channel>, bytes: &[u8]) -> Result<bool, BridgeError> {
    let mut here = false;
    submit_to(channel, bytes, |jobs| {
        POOL.push_from_outside(jobs).map(|is_left| here = is_left)
    })?;
    Ok(here)
}

/// Does what is queued for the pool, until there is nothing. Only after [`submit_from_outside`] gave `true`.
pub(crate) fn serve_here() {
    POOL.serve_from_outside();
}

fn submit_to(
    channel: &Arc<Channel>,
    bytes: &[u8],
    push: impl FnOnce(Vec<Job>) -> Result<(), Refused>,
) -> Result<usize, BridgeError> {
    let headers = parse(bytes)?;
    // Streams keep the process alive only while somebody waits for an item.
    let count = headers.iter().filter(|(_, header)| !header.is_stream()).count();
    let batch = Arc::new(Batch {
        channel: Arc::clone(channel),
        bytes: bytes.into(),
        taken: headers.iter().map(|_| AtomicBool::new(false)).collect(),
    });
    channel.register(&batch, headers.iter().map(|(_, header)| header));
    let mut pooled = Vec::with_capacity(headers.len());
    let mut for_loop = Vec::new();
    for (index, (offset, header)) in headers.into_iter().enumerate() {
        let mut job = Job {
            batch: Arc::clone(&batch),
            index,
            offset,
            header,
            named: None,
            seat: None,
            sink: Sink::of(channel, header.request, header.outputs()),
            place: if header.session == LOOP_SESSION {
                Place::Loop
            } else {
                Place::Thread
            },
            owned: false,
            stream: None,
            noted: None,
        };
        if header.session == 0 {
            if channel.coroutine_calls().contain(&header, job.body()) {
                job.place = Place::LoopIfCoroutine;
                for_loop.push(Work::Run(job));
            } else {
                pooled.push(job);
            }
        } else {
            enqueue(vec![job]);
        }
    }
    if let Err(work) = event_loop::push_all(for_loop) {
        enqueue(awaiting::refuse(work));
    }
    if let Err(refused) = push(pooled) {
        enqueue(refused.settle().collect());
    }
    Ok(count)
}

/// A new session: a thread of its own, which keeps its context from job to job.
pub fn open_session() -> u32 {
    let mut sessions = lock(&SESSIONS);
    sessions.last += 1;
    let id = sessions.last;
    sessions.queues.insert(id, Arc::new(Queue::new(false)));
    id
}

/// Ends a session once its queued jobs are done, those included that wait for other requests.
pub fn close_session(id: u32) {
    let queue = {
        let mut sessions = lock(&SESSIONS);
        let queue = sessions.queues.remove(&id);
        sessions.ending.retain(|queue| queue.strong_count() > 0);
        sessions.ending.extend(queue.as_ref().map(Arc::downgrade));
        queue
    };
    if let Some(queue) = queue {
        queue.end();
    }
}

thread_local! {
    /// Whether this is a thread of the pool, or does its work.
    static IN_POOL: Cell<bool> = const { Cell::new(false) };
    /// For those that do its work.
    static WRITER: RefCell<Writer> = RefCell::new(Writer::new());
}

/// Whether the calling thread is one of the pool and will go on with another job.
pub(crate) fn has_more_jobs() -> bool {
    IN_POOL.get() && !lock(&POOL.state).jobs.is_empty()
}

/// The present figures.
pub fn statistics() -> Statistics {
    let (environments, requests) = super::channel::environments_and_requests();
    Statistics {
        environments,
        requests,
        threads: THREADS.load(Ordering::Relaxed),
        sessions: lock(&SESSIONS).queues.len(),
    }
}

/// How many threads the pool may have.
pub(crate) fn set_threads(count: usize) {
    POOL_THREADS.store(count.max(1), Ordering::Relaxed);
}

/// Refuses everything that is queued; what runs is finished.
pub(crate) fn close() {
    let (open, ending) = {
        let mut sessions = lock(&SESSIONS);
        (
            std::mem::take(&mut sessions.queues),
            std::mem::take(&mut sessions.ending),
        )
    };
    let ending = ending.iter().filter_map(Weak::upgrade);
    let queues = open.into_values().chain(ending).chain([Arc::clone(&POOL)]);
    let refused = Refused {
        jobs: queues.flat_map(|queue| queue.close()).collect(),
        error: BridgeError::new(ErrorCode::Closed, "Python was stopped before this call started"),
    };
    enqueue(refused.settle().collect());
    awaiting::close();
}

/// Queues jobs where their sessions say. Those that no queue takes are refused, and then those that waited for them, one
/// after the other: a chain of waiting jobs may be longer than the stack is deep.
pub(super) fn enqueue(jobs: Vec<Job>) {
    let mut jobs = VecDeque::from(jobs);
    while let Some(mut job) = jobs.pop_front() {
        if job.place != Place::Thread {
            if let Err(work) = event_loop::push(Work::Run(job)) {
                jobs.extend(awaiting::refuse(work));
            }
            continue;
        }
        let seat = job.seat.take();
        let pushed = match queue_of(&job, seat.as_ref()) {
            Some(queue) => queue.push(vec![job]),
            None => Err(Refused {
                jobs: VecDeque::from([job]),
                error: BridgeError::new(ErrorCode::Closed, "the session of this call is closed"),
            }),
        };
        // Given up only now, since the thread of a closed session would have ended before the job came.
        drop(seat);
        if let Err(refused) = pushed {
            jobs.extend(refused.settle());
        }
    }
}

fn queue_of(job: &Job, seat: Option<&Seat>) -> Option<Arc<Queue>> {
    match seat {
        Some(Seat(queue)) => Some(Arc::clone(queue)),
        None if job.header.session == 0 => Some(Arc::clone(&POOL)),
        None => lock(&SESSIONS).queues.get(&job.header.session).cloned(),
    }
}

impl Refused {
    /// Ends the jobs; gives those that waited for them.
    fn settle(self) -> impl Iterator<Item = Job> {
        let Self { jobs, error } = self;
        jobs.into_iter().flat_map(move |mut job| job.refuse(&error))
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<(usize, Header)>, BridgeError> {
    let mut headers = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let header = Header::read(&bytes[offset..])
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "the core got a batch that ends within a request"))?;
        headers.push((offset, header));
        offset += header.total();
    }
    Ok(headers)
}

impl Queue {
    fn new(shared: bool) -> Self {
        Self {
            state: Mutex::default(),
            shared,
            returning: AtomicUsize::new(0),
            process: std::process::id(),
        }
    }

    /// The process to which it belongs.
    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// Keeps the thread of a session for a job that is about to be parked. The pool stays anyway.
    pub(super) fn reserve(queue: &Arc<Self>) -> Option<Seat> {
        if queue.shared {
            return None;
        }
        lock(&queue.state).parked += 1;
        Some(Seat(Arc::clone(queue)))
    }

    /// Whether each job runs in a context of its own.
    pub(super) fn isolates(&self) -> bool {
        self.shared
    }

    fn push(self: &Arc<Self>, jobs: Vec<Job>) -> Result<(), Refused> {
        if jobs.is_empty() {
            return Ok(());
        }
        let mut state = lock(&self.state);
        if state.life == Life::Stopped || !interpreter::is_running() {
            return Err(Refused {
                jobs: jobs.into(),
                error: interpreter::refusal(),
            });
        }
        state.jobs.extend(jobs);
        let wanted = self.returning.load(Ordering::Relaxed) == 0;
        let sleeper = wanted.then(|| self.send_for_thread(&mut state)).flatten();
        if state.threads == 0 && !state.served_from_outside {
            // The system gives no thread, so nobody would ever come for them.
            return Err(Refused {
                jobs: std::mem::take(&mut state.jobs),
                error: BridgeError::new(
                    ErrorCode::Cancelled,
                    "this call did not start, because the system refused to start a thread for it",
                ),
            });
        }
        drop(state);
        // Without the lock, which the woken thread takes first thing.
        if let Some(sleeper) = sleeper {
            sleeper.call();
        }
        Ok(())
    }

    /// The same for a thread that is none of the queue's; whether that is to do the jobs.
    fn push_from_outside(self: &Arc<Self>, jobs: Vec<Job>) -> Result<bool, Refused> {
        let mut state = lock(&self.state);
        let nobody_is_at_work = state.idle.len() == state.threads
            && state.jobs.is_empty()
            && !state.sent_for
            && !state.served_from_outside
            && state.life != Life::Stopped;
        if jobs.is_empty() || !nobody_is_at_work || !interpreter::is_running() {
            drop(state);
            return self.push(jobs).map(|()| false);
        }
        state.jobs.extend(jobs);
        state.served_from_outside = true;
        Ok(true)
    }

    /// Does what is queued on a thread that is none of the queue's.
    fn serve_from_outside(self: &Arc<Self>) {
        let thread = ThreadState::of_current_thread();
        IN_POOL.set(true);
        let mut announced = Announced {
            queue: self,
            active: false,
        };
        loop {
            let attached = thread.attach();
            Python::attach(|py| {
                WRITER.with_borrow_mut(|writer| {
                    while let Some(job) = self.take(&mut announced) {
                        super::run(py, job, self, &mut announced, writer);
                    }
                });
                subprocess::flush_deferred();
                if releases::any() {
                    announced.withdraw();
                    releases::drain(py);
                }
            });
            drop(attached);
            let mut state = lock(&self.state);
            announced.withdraw();
            if state.jobs.is_empty() {
                state.served_from_outside = false;
                break;
            }
        }
        IN_POOL.set(false);
    }

    /// Sees to it that a thread comes for the next job: starts one, or gives the one to call.
    fn send_for_thread(self: &Arc<Self>, state: &mut State) -> Option<Arc<Sleeper>> {
        if state.sent_for {
            return None;
        }
        if state.served_from_outside && state.threads - state.idle.len() + 1 >= POOL_THREADS.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(sleeper) = state.idle.pop() {
            state.sent_for = true;
            return Some(sleeper);
        }
        let limit = if self.shared {
            POOL_THREADS.load(Ordering::Relaxed)
        } else {
            1
        };
        if state.threads < limit && self.start_thread() {
            state.sent_for = true;
            state.threads += 1;
        }
        None
    }

    fn start_thread(self: &Arc<Self>) -> bool {
        let queue = Arc::clone(self);
        let name = if self.shared { "py-executor" } else { "py-session" };
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                THREADS.fetch_add(1, Ordering::Relaxed);
                queue.serve();
                THREADS.fetch_sub(1, Ordering::Relaxed);
            })
            .is_ok()
    }

    fn serve(self: &Arc<Self>) {
        let thread = ThreadState::of_current_thread();
        IN_POOL.set(self.shared);
        let sleeper = Sleeper::of_current_thread();
        let mut writer = Writer::new();
        let mut announced = Announced {
            queue: self,
            active: false,
        };
        while self.wait(&sleeper, &mut announced) {
            let attached = thread.attach();
            Python::attach(|py| {
                lock(&self.state).sent_for = false;
                loop {
                    while let Some(job) = self.take(&mut announced) {
                        super::run(py, job, self, &mut announced, &mut writer);
                    }
                    subprocess::flush_deferred();
                    if !releases::any() {
                        break;
                    }
                    // Destructors may take long, so nobody is to count on this thread meanwhile.
                    announced.withdraw();
                    releases::drain(py);
                }
            });
            drop(attached);
        }
        let attached = thread.attach();
        contexts::leave_all(attached.python());
        drop(attached);
        thread.end();
    }

    /// Waits until there is something to take; `false` when the queue is ending and nothing will come any more.
    fn wait(&self, sleeper: &Arc<Sleeper>, announced: &mut Announced<'_>) -> bool {
        loop {
            let mut state = lock(&self.state);
            if !state.jobs.is_empty() {
                return true;
            }
            // Whoever was sent for may find that the running thread did the work.
            state.sent_for = false;
            announced.withdraw();
            if state.life >= Life::Ending && state.parked == 0 {
                state.threads -= 1;
                return false;
            }
            state.idle.push(Arc::clone(sleeper));
            drop(state);
            sleeper.sleep();
        }
    }

    fn take(self: &Arc<Self>, announced: &mut Announced<'_>) -> Option<Job> {
        let mut state = lock(&self.state);
        let job = state.jobs.pop_front()?;
        announced.withdraw();
        let more = self.shared && !state.jobs.is_empty();
        let sleeper = more.then(|| self.send_for_thread(&mut state)).flatten();
        drop(state);
        if let Some(sleeper) = sleeper {
            sleeper.call();
        }
        Some(job)
    }

    /// Ends the threads; gives the jobs that they will not run.
    fn close(&self) -> VecDeque<Job> {
        let jobs = {
            let mut state = lock(&self.state);
            state.life = Life::Stopped;
            std::mem::take(&mut state.jobs)
        };
        self.end();
        jobs
    }

    /// Lets the threads finish what is queued and then end.
    fn end(&self) {
        let idle = {
            let mut state = lock(&self.state);
            if state.life == Life::Open {
                state.life = Life::Ending;
            }
            std::mem::take(&mut state.idle)
        };
        for sleeper in idle {
            sleeper.call();
        }
    }
}

/// A thread's word that it will look for a job in a moment. Withdrawn under the queue's lock, or before anything that
/// takes long, after which the thread looks again by itself.
pub(super) struct Announced<'a> {
    queue: &'a Queue,
    active: bool,
}

impl Announced<'_> {
    /// Given before a completion is reported, since the next request may come before this thread is back.
    pub(super) fn give(&mut self) {
        if !self.active {
            self.active = true;
            self.queue.returning.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn withdraw(&mut self) {
        if self.active {
            self.active = false;
            self.queue.returning.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
