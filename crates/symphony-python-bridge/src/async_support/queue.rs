//! Where jobs wait, and the threads that take them: one pool, and one thread for each session.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

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
///
/// The thread that became idle last is woken first, since its caches are the warmest.
pub(super) struct Queue {
    state: Mutex<State>,
    /// The pool: several threads, and each job in a context of its own.
    shared: bool,
    /// Threads that finished a job and will look for the next one in a moment: no need to wake another.
    returning: AtomicUsize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: Vec<Arc<Sleeper>>,
    /// A thread was woken or started and has not looked at the queue yet.
    sent_for: bool,
    closed: bool,
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
        let job = Job {
            batch: Arc::clone(&batch),
            index,
            offset,
            header,
        };
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
        queue.end();
    }
}

/// The present figures.
pub fn statistics() -> Statistics {
    Statistics {
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
    let sessions = std::mem::take(&mut lock(&SESSIONS).queues);
    let error = BridgeError::new(ErrorCode::Closed, "Python was stopped before this call started");
    for queue in sessions.into_values().chain([Arc::clone(&POOL)]) {
        for job in queue.close() {
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
        None => job.refuse(&BridgeError::new(
            ErrorCode::Closed,
            "the session of this call is closed",
        )),
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
        }
    }

    /// Whether each job runs in a context of its own.
    pub(super) fn isolates(&self) -> bool {
        self.shared
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
        let wanted = self.returning.load(Ordering::Relaxed) == 0;
        let sleeper = wanted.then(|| self.send_for_thread(&mut state)).flatten();
        drop(state);
        // Without the lock, which the woken thread takes first thing.
        if let Some(sleeper) = sleeper {
            sleeper.call();
        }
    }

    /// Sees to it that a thread comes for the next job: starts one, or gives the one to call.
    fn send_for_thread(self: &Arc<Self>, state: &mut State) -> Option<Arc<Sleeper>> {
        if state.sent_for {
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
        thread.end();
    }

    /// Waits until there is something to take; `false` when the queue is closed and empty.
    fn wait(&self, sleeper: &Arc<Sleeper>, announced: &mut Announced<'_>) -> bool {
        loop {
            let mut state = lock(&self.state);
            if !state.jobs.is_empty() {
                return true;
            }
            // Whoever was sent for may find that the running thread did the work.
            state.sent_for = false;
            announced.withdraw();
            if state.closed {
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
        let jobs = std::mem::take(&mut lock(&self.state).jobs);
        self.end();
        jobs
    }

    /// Lets the threads finish what is queued and then end.
    fn end(&self) {
        let idle = {
            let mut state = lock(&self.state);
            state.closed = true;
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
