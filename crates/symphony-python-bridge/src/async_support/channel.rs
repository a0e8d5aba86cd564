//! One environment's side of asynchronous calls: what became of its requests, and what it is still to be told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::Job;
use crate::errors::Failure;
use crate::gil::Held;

/// Tells an environment's thread that there is something to take. Called from any thread, possibly attached, and once
/// for any number of things until they are taken.
pub trait Wake: Send + Sync {
    /// Wakes it.
    fn wake(&self);
}

/// How far a request has come. `Queued` and `Running` become one of the other three, which are final.
pub(super) enum Stage {
    Queued,
    Running,
    Done(Held),
    Failed(Failure),
    Cancelled,
}

struct Request {
    stage: Stage,
    /// Jobs that need the outcome.
    waiting: Vec<Job>,
}

/// Whether a job is to be run.
pub(super) enum Claim {
    Run,
    /// Cancelled, or its environment ended.
    Gone,
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
    requests: Mutex<FxHashMap<u32, Request>>,
    completions: Mutex<Vec<u8>>,
    output: Mutex<Vec<(u8, String)>>,
    closed: AtomicBool,
}

impl Channel {
    /// An open channel.
    pub fn new(wake: Box<dyn Wake>) -> Arc<Self> {
        Arc::new(Self {
            wake,
            requests: Mutex::default(),
            completions: Mutex::default(),
            output: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// Takes a request out of its queue; `true` if it will never start.
    pub fn cancel(&self, request: u32) -> bool {
        let waiting = {
            let mut requests = self.requests();
            match requests.get_mut(&request) {
                Some(request) if matches!(request.stage, Stage::Queued) => {
                    request.stage = Stage::Cancelled;
                    std::mem::take(&mut request.waiting)
                }
                _ => return false,
            }
        };
        for job in waiting {
            super::queue::enqueue(job);
        }
        true
    }

    /// Forgets a request and its outcome.
    pub fn release(&self, request: u32) {
        let released = self.requests().remove(&request);
        // Dropped here, without the lock: the reference goes to the release queue, which has its own.
        drop(released);
    }

    /// Moves what was completed into `batch`, which must be empty and comes back as the buffer of the next ones.
    pub fn take_completions(&self, batch: &mut Vec<u8>) {
        std::mem::swap(&mut *lock(&self.completions), batch);
    }

    /// The text that Python wrote since the last time.
    pub fn take_output(&self) -> Vec<(u8, String)> {
        std::mem::take(&mut *lock(&self.output))
    }

    /// The environment ends: nothing is delivered any more and queued requests do not run.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let released = std::mem::take(&mut *self.requests());
        drop(released);
    }

    /// How many requests are known.
    pub fn request_count(&self) -> usize {
        self.requests().len()
    }

    pub(super) fn register(&self, ids: impl Iterator<Item = u32>) {
        let mut requests = self.requests();
        for id in ids {
            requests.insert(id, Request { stage: Stage::Queued, waiting: Vec::new() });
        }
    }

    pub(super) fn claim(&self, id: u32) -> Claim {
        match self.requests().get_mut(&id) {
            Some(request) if matches!(request.stage, Stage::Queued) => {
                request.stage = Stage::Running;
                Claim::Run
            }
            _ => Claim::Gone,
        }
    }

    /// Puts a claimed job back until `missing` is done; gives it back if that is the case already.
    pub(super) fn park(&self, missing: u32, job: Job) -> Option<Job> {
        let mut requests = self.requests();
        if let Some(own) = requests.get_mut(&job.header.request) {
            own.stage = Stage::Queued;
        }
        match requests.get_mut(&missing) {
            Some(request) if matches!(request.stage, Stage::Queued | Stage::Running) => {
                request.waiting.push(job);
                None
            }
            _ => Some(job),
        }
    }

    /// Records the outcome; gives the jobs that waited for it.
    pub(super) fn settle(&self, id: u32, stage: Stage) -> Vec<Job> {
        let (previous, waiting) = {
            let mut requests = self.requests();
            match requests.get_mut(&id) {
                Some(request) => {
                    let previous = std::mem::replace(&mut request.stage, stage);
                    (previous, std::mem::take(&mut request.waiting))
                }
                // Released while it ran: the outcome is dropped at the end of this function, without the lock.
                None => (stage, Vec::new()),
            }
        };
        drop(previous);
        waiting
    }

    pub(super) fn outcome<'py>(&self, py: Python<'py>, id: u32) -> Known<'py> {
        match self.requests().get(&id).map(|request| &request.stage) {
            Some(Stage::Done(object)) => Known::Done(object.bind(py)),
            Some(Stage::Failed(failure)) => Known::Failed(failure.again(py)),
            Some(Stage::Cancelled) => Known::Cancelled,
            Some(Stage::Queued | Stage::Running) => Known::Pending,
            None => Known::Unknown,
        }
    }

    pub(super) fn complete(&self, id: u32, status: u8, value: &[u8]) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let was_empty = {
            let mut completions = lock(&self.completions);
            let was_empty = completions.is_empty();
            let length = u32::try_from(value.len() + 5).unwrap_or(u32::MAX);
            completions.extend_from_slice(&length.to_le_bytes());
            completions.extend_from_slice(&id.to_le_bytes());
            completions.push(status);
            completions.extend_from_slice(value);
            was_empty
        };
        if was_empty {
            self.wake.wake();
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

    fn requests(&self) -> MutexGuard<'_, FxHashMap<u32, Request>> {
        lock(&self.requests)
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
