//! Where jobs wait, and the threads that take them: one pool, and one thread for each session.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use symphony_wire::{ErrorCode, Writer};

use super::{Batch, Channel, Job};
use crate::errors::BridgeError;
use crate::gil::ThreadState;
use crate::interpreter::{self, STACK_BYTES};
use crate::operation::Header;
use crate::releases;

static POOL: LazyLock<Arc<Queue>> = LazyLock::new(|| Arc::new(Queue::new(true)));
static POOL_THREADS: AtomicUsize = AtomicUsize::new(4);
static SESSIONS: LazyLock<Mutex<Sessions>> = LazyLock::new(Mutex::default);
static THREADS: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Sessions {
    queues: FxHashMap<u32, Arc<Queue>>,
    last: u32,
}

/// What `python.statistics` tells of the executor.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// Threads that run.
    pub threads: usize,
    /// Sessions that are open.
    pub sessions: usize,
}

/// Jobs and the threads that take them.
///
/// A thread attaches first and then takes jobs until there are none, so that a woken thread that finds the GIL taken
/// holds up no job: whoever has the GIL takes the next one. At most one thread at a time is on its way to the queue.
/// It gets the GIL when the running job releases it, and then sends for the next thread if there is still more to do;
/// so jobs that release the GIL run in parallel, and jobs that do not run on one thread without handing it over.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    /// The pool: several threads, and each job in a context of its own.
    shared: bool,
    /// Threads that finished a job and will look for the next one in a moment: no need to wake another.
    returning: AtomicUsize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// A thread was woken or started and has not looked at the queue yet.
    sent_for: bool,
    closed: bool,
}

/// Queues the requests in `bytes`; gives how many there are. Needs no GIL.
///
/// # Errors
///
/// `ERR_PROTOCOL` for bytes that are not whole requests; nothing is queued then.
pub fn submit(channel: &Arc<Channel>, bytes: &[u8]) -> Result<usize, BridgeError> {
    let headers = parse(bytes)?;
    let count = headers.len();
    let batch = Arc::new(Batch {
        channel: Arc::clone(channel),
        bytes: bytes.into(),
        taken: headers.iter().map(|_| AtomicBool::new(false)).collect(),
    });
    channel.register(&batch, headers.iter().map(|(_, header)| header.request));
    let mut pooled = Vec::with_capacity(count);
    for (index, (offset, header)) in headers.into_iter().enumerate() {
        let job = Job { batch: Arc::clone(&batch), index, offset, header };
        if header.session == 0 {
            pooled.push(job);
        } else {
            enqueue(job);
        }
    }
    POOL.push(pooled);
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

/// Ends a session once its queued jobs are done.
pub fn close_session(id: u32) {
    let queue = lock(&SESSIONS).queues.remove(&id);
    if let Some(queue) = queue {
        lock(&queue.state).closed = true;
        queue.arrived.notify_all();
    }
}

/// The present figures.
pub fn statistics() -> Statistics {
    Statistics { threads: THREADS.load(Ordering::Relaxed), sessions: lock(&SESSIONS).queues.len() }
}

/// How many threads the pool may have.
pub(crate) fn set_threads(count: usize) {
    POOL_THREADS.store(count.max(1), Ordering::Relaxed);
}

/// Refuses everything that is queued; what runs is finished.
pub(crate) fn close() {
    let sessions = std::mem::take(&mut lock(&SESSIONS).queues);
    let error = BridgeError::new(ErrorCode::Closed, "Python was stopped before this call started");
    for queue in sessions.into_values().chain([Arc::clone(&POOL)]) {
        let jobs = {
            let mut state = lock(&queue.state);
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        queue.arrived.notify_all();
        for job in jobs {
            job.refuse(&error);
        }
    }
}

/// Queues one job where its session says.
pub(super) fn enqueue(job: Job) {
    if job.header.session == 0 {
        POOL.push(vec![job]);
        return;
    }
    let queue = lock(&SESSIONS).queues.get(&job.header.session).cloned();
    match queue {
        Some(queue) => queue.push(vec![job]),
        None => job.refuse(&BridgeError::new(ErrorCode::Closed, "the session of this call is closed")),
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
        Self { state: Mutex::default(), arrived: Condvar::new(), shared, returning: AtomicUsize::new(0) }
    }

    fn push(self: &Arc<Self>, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        if state.closed || !interpreter::is_running() {
            drop(state);
            for job in jobs {
                job.refuse(&interpreter::refusal());
            }
            return;
        }
        state.jobs.extend(jobs);
        let wake = self.returning.load(Ordering::Relaxed) == 0 && self.send_for_thread(&mut state);
        drop(state);
        self.wake(wake);
    }

    /// Sees to it that a thread comes for the next job; says whether to [`Queue::wake`] one.
    fn send_for_thread(self: &Arc<Self>, state: &mut State) -> bool {
        if state.sent_for {
            return false;
        }
        let limit = if self.shared { POOL_THREADS.load(Ordering::Relaxed) } else { 1 };
        if state.idle > 0 {
            state.sent_for = true;
            return true;
        }
        if state.threads < limit && self.start_thread() {
            state.sent_for = true;
            state.threads += 1;
        }
        false
    }

    /// Without the lock, which the woken thread takes first thing.
    fn wake(&self, wake: bool) {
        if wake {
            self.arrived.notify_one();
        }
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
        let mut writer = Writer::new();
        while self.wait() {
            let attached = thread.attach();
            Python::attach(|py| {
                lock(&self.state).sent_for = false;
                let mut announced = false;
                while let Some(job) = self.take(announced) {
                    announced = super::run(py, job, self, &mut writer);
                }
                releases::drain(py);
            });
            drop(attached);
        }
        thread.end();
    }

    /// Waits until there is something to take; `false` when the queue is closed and empty.
    fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            if !state.jobs.is_empty() {
                return true;
            }
            // Whoever was sent for may find that the running thread did the work.
            state.sent_for = false;
            if state.closed {
                state.threads -= 1;
                return false;
            }
            state.idle += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// The next job; `announced` says that this thread called [`Queue::will_return`] before.
    fn take(self: &Arc<Self>, announced: bool) -> Option<Job> {
        let mut state = lock(&self.state);
        if announced {
            self.returning.fetch_sub(1, Ordering::Relaxed);
        }
        let job = state.jobs.pop_front()?;
        let wake = self.shared && !state.jobs.is_empty() && self.send_for_thread(&mut state);
        drop(state);
        self.wake(wake);
        Some(job)
    }

    /// Whether each job runs in a context of its own.
    pub(super) fn isolates(&self) -> bool {
        self.shared
    }

    /// The calling thread has run its job and is about to report it; it looks for the next one right after that.
    pub(super) fn will_return(&self) {
        self.returning.fetch_add(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
