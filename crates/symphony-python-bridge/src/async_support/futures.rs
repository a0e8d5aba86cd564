//! Rust futures as Python awaitables: what is behind every `*_async` function of `symphony_bridge`.
//!
//! ```text
//!  asyncio's thread              tokio, two threads               `py-futures` (GIL)              asyncio's thread
//!  future_into_py ── spawn ──▶ polls the Rust future ── done ──▶ converts, call_soon_threadsafe ──▶ the awaiter goes on
//! ```
//!
//! `pyo3-async-runtimes` makes the Python future and connects the two; this module is the runtime that it runs on. Nothing of it
//! exists before the first future. tokio's threads never attach to Python. Completions are handed to one thread, which attaches once
//! for all that wait: the crate's own runtime for tokio has a thread for each, with a temporary thread state, and they all
//! compete for the GIL.
//!
//! An asyncio task that is cancelled cancels what it awaits, and that drops the Rust future. A loop that was closed meanwhile is told
//! nothing (`_futures.py`). A Python future that nobody refers to any more is *not* noticed: while it is unfinished the Rust side refers to it,
//! as `loop.call_later` does for `asyncio.sleep`, since a task that waits for it may have no other reference. What it is for
//! then runs to its end, and the outcome is dropped.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::Thread;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;
use pyo3_async_runtimes::generic::{self, ContextExt, Runtime};

use crate::gil::ThreadState;
use crate::interpreter::{self, STACK_BYTES};
use crate::runtime::{self, Function};

/// Timers and channels need no more; what computes belongs on threads of its own.
const THREADS: usize = 2;

/// The awaitable of a Rust future, in the event loop that runs on the calling thread. What the future gives is converted on a thread
/// that has the GIL; the future itself never has it.
///
/// # Errors
///
/// `RuntimeError` if no event loop runs on this thread, if threads cannot be started, or in a forked child.
pub fn future_into_py<F, T>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = PyResult<T>> + Send + 'static,
    T: for<'py> IntoPyObject<'py> + Send + 'static,
{
    if interpreter::is_forked() {
        return Err(PyRuntimeError::new_err(
            "a forked child has no threads for this; start a new process instead",
        ));
    }
    let unavailable = |error: &std::io::Error| PyRuntimeError::new_err(format!("no threads for this: {error}"));
    TOKIO.as_ref().map_err(unavailable)?;
    COMPLETIONS.thread.as_ref().map_err(unavailable)?;
    let running = pyo3_async_runtimes::get_running_loop(py)?;
    let lasting = runtime::function(py, Function::LastingLoop)?.call1((running,))?;
    let counted = Counted::new(future);
    generic::future_into_py_with_locals::<Host, _, _>(py, TaskLocals::new(lasting), counted)
}

/// How many futures there are that are neither finished nor dropped.
pub fn count() -> usize {
    LIVE.load(Ordering::Relaxed)
}

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// A future that is counted for as long as it exists.
struct Counted<F> {
    /// `None` once it has given its value, which is when what it holds is to go.
    future: Option<Pin<Box<F>>>,
}

impl<F> Counted<F> {
    fn new(future: F) -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self {
            future: Some(Box::pin(future)),
        }
    }

    fn end(&mut self) {
        if self.future.take().is_some() {
            LIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.end();
        }
        polled
    }
}

impl<F> Drop for Counted<F> {
    fn drop(&mut self) {
        self.end();
    }
}

static TOKIO: LazyLock<std::io::Result<tokio::runtime::Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("py-tokio")
        .enable_time()
        .build()
});

static COMPLETIONS: LazyLock<Completions> = LazyLock::new(|| Completions {
    waiting: Mutex::default(),
    thread: std::thread::Builder::new()
        .name("py-futures".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(complete)
        .map(|handle| handle.thread().clone()),
});

/// What is to be done with the GIL, and the thread that does it.
struct Completions {
    waiting: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    thread: std::io::Result<Thread>,
}

impl Completions {
    fn lock(&self) -> MutexGuard<'_, Vec<Box<dyn FnOnce() + Send>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn complete() {
    let thread = ThreadState::of_current_thread();
    loop {
        while COMPLETIONS.lock().is_empty() {
            std::thread::park();
        }
        let attached = thread.attach();
        loop {
            let batch = std::mem::take(&mut *COMPLETIONS.lock());
            if batch.is_empty() {
                break;
            }
            for completion in batch {
                // Each concerns one future; the others have theirs.
                let _ = catch_unwind(AssertUnwindSafe(completion));
            }
        }
        drop(attached);
    }
}

/// The runtime, as the crate asks for one.
struct Host;

/// A task of tokio's, or nothing that anybody waits for.
struct Spawned(Option<tokio::task::JoinHandle<()>>);

/// Why a task did not end.
struct Failed(tokio::task::JoinError);

impl generic::JoinError for Failed {
    fn is_panic(&self) -> bool {
        self.0.is_panic()
    }

    fn into_panic(self) -> Box<dyn Any + Send> {
        self.0.into_panic()
    }
}

impl Future for Spawned {
    type Output = Result<(), Failed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(context).map_err(Failed),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Runtime for Host {
    type JoinError = Failed;
    type JoinHandle = Spawned;

    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) -> Spawned {
        Spawned(TOKIO.as_ref().ok().map(|tokio| tokio.spawn(future)))
    }

    fn spawn_blocking<F: FnOnce() + Send + 'static>(completion: F) -> Spawned {
        let was_empty = {
            let mut waiting = COMPLETIONS.lock();
            waiting.push(Box::new(completion));
            waiting.len() == 1
        };
        if was_empty && let Ok(thread) = &COMPLETIONS.thread {
            thread.unpark();
        }
        Spawned(None)
    }
}

impl ContextExt for Host {
    /// The futures here call no Python code, so they need not know the loop that awaits them.
    fn scope<F, R>(_locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        Box::pin(future)
    }

    fn get_task_locals() -> Option<TaskLocals> {
        None
    }
}
