//! `Outcome`: what Python code waits by for a promise.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTraceback;
use pyo3::{PyTraverseError, PyVisit};

use super::objects::Reference;
use super::patience;
use super::question::{self, Draft, Operation};
use super::settlement::{Settlement, Unsettled};
use crate::async_support::Channel;
use crate::gil::Held;
use crate::interpreter;

/// The outcome of one promise of JavaScript's, or of a question that nobody waited for. Any number of threads and event loops may wait
/// for it, and get the same value or exception.
#[pyclass(frozen, module = "symphony_bridge._native")]
pub(crate) struct Outcome {
    channel: Arc<Channel>,
    settlement: Arc<Settlement>,
    /// The promise, if JavaScript is still to be asked to watch it.
    unwatched: Option<u32>,
    asked: AtomicBool,
    /// What it gave, or the exception.
    known: Mutex<Option<Known>>,
}

enum Known {
    Value(Py<PyAny>),
    /// The exception itself, for the garbage collector has to see it: once it was raised, its traceback refers to whoever awaited, and
    /// that to the promise.
    Raised {
        exception: Py<PyBaseException>,
        /// Its traceback before it was raised here.
        traceback: Option<Py<PyTraceback>>,
    },
}

impl Known {
    fn raised(py: Python<'_>, error: PyErr) -> Self {
        let traceback = error.traceback(py).map(Bound::unbind);
        Self::Raised {
            exception: error.into_value(py),
            traceback,
        }
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Value(value) => Self::Value(value.clone_ref(py)),
            Self::Raised { exception, traceback } => Self::Raised {
                exception: exception.clone_ref(py),
                traceback: traceback.as_ref().map(|traceback| traceback.clone_ref(py)),
            },
        }
    }
}

impl Outcome {
    pub(super) fn of_promise(reference: &Reference, is_lazy: bool) -> Self {
        let channel = Arc::clone(reference.channel());
        let (settlement, again) = channel.settlements().of_promise(reference.id());
        Self {
            channel,
            settlement,
            unwatched: (is_lazy || again).then(|| reference.id()),
            asked: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    pub(super) fn of_question(channel: Arc<Channel>, settlement: Arc<Settlement>) -> Self {
        Self {
            channel,
            settlement,
            unwatched: None,
            asked: AtomicBool::new(true),
            known: Mutex::default(),
        }
    }

    /// Somebody wants the outcome. On JavaScript's own thread that is in vain: as long as this runs, JavaScript does not.
    fn want(&self) -> PyResult<()> {
        if self.settlement.is_settled() {
            return Ok(());
        }
        if !interpreter::is_running() {
            return Err(question::ended());
        }
        if self.channel.is_own_thread() {
            return Err(PyRuntimeError::new_err(
                "a promise cannot settle while JavaScript's thread waits for it in a synchronous call; \
                 make that call an asynchronous one, or give the promise back to JavaScript",
            ));
        }
        if let Some(id) = self.unwatched
            && !self.asked.swap(true, Ordering::Relaxed)
        {
            Draft::about(&self.channel, id, Operation::Watch, 0)?.post_only()?;
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered<'py>(&self, py: Python<'py>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let known = self.known().as_ref()?.clone_ref(py);
        // Not under the lock: taking a traceback away may run whatever its frames keep alive.
        Some(match known {
            Known::Value(value) => Ok(value.into_bound(py)),
            Known::Raised { exception, traceback } => {
                let error = PyErr::from_value(exception.into_bound(py).into_any());
                // As asyncio's futures do: it would grow with each who awaits.
                error.set_traceback(py, traceback.map(|traceback| traceback.into_bound(py)));
                Err(error)
            }
        })
    }
}

#[pymethods]
impl Outcome {
    /// Whether it is known.
    fn settled(&self) -> bool {
        self.settlement.is_settled()
    }

    /// Calls `waiter`, from a thread of the bridge's, when it is known; false if it is already.
    fn watch(&self, waiter: Bound<'_, PyAny>) -> PyResult<bool> {
        self.want()?;
        Ok(self.settlement.watch(Held::new(waiter)))
    }

    /// Forgets a waiter.
    fn unwatch(&self, waiter: &Bound<'_, PyAny>) {
        self.settlement.unwatch(waiter);
    }

    /// Waits until it is known, at most so many seconds. `False` if it has to be asked again: Python may have to raise something.
    /// `whole` is what the time limit was at first.
    #[pyo3(signature = (timeout=None, whole=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, whole: Option<f64>) -> PyResult<bool> {
        let limit = match timeout {
            None => None,
            Some(seconds) if seconds.is_nan() => return Err(PyValueError::new_err("the timeout is not a number")),
            // What no duration can hold is for ever.
            Some(seconds) => Duration::try_from_secs_f64(seconds.max(0.0)).ok(),
        };
        self.want()?;
        match py.detach(|| self.settlement.wait(&self.channel, limit)) {
            Ok(settled) => Ok(settled),
            Err(Unsettled::TimedOut) => Err(PyTimeoutError::new_err(format!(
                "the promise has not settled in {} seconds",
                whole.or(timeout).unwrap_or_default()
            ))),
            Err(Unsettled::Overdue) => Err(patience::overdue(py, &self.channel)),
        }
    }

    /// The value, or the exception, of an outcome that is known.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(known) = self.remembered(py) {
            return known;
        }
        let Some(settled) = self.settlement.settled() else {
            // Made by another thread just now, or never.
            return self.remembered(py).unwrap_or_else(|| Err(question::ended()));
        };
        let read = match question::read_answer(py, &self.channel, &settled.bytes) {
            Ok(question::Outcome::Value(value)) => Known::Value(value.unbind()),
            Ok(question::Outcome::Missing) => Known::Value(py.NotImplemented()),
            Err(error) => Known::raised(py, error),
        };
        // Another thread may have read it meanwhile, and everybody gets the same.
        let surplus = {
            let mut known = self.known();
            if known.is_none() {
                *known = Some(read);
                None
            } else {
                Some(read)
            }
        };
        drop(surplus);
        // Before anybody else may be told: what the environment keeps for it goes with the bytes.
        drop(settled);
        self.settlement.was_read();
        self.remembered(py).unwrap_or_else(|| Err(question::ended()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "the signature that PyO3 asks for")]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Nobody can hold the lock while garbage is collected, except code of this thread that is in the middle of it.
        let Ok(known) = self.known.try_lock() else {
            return Ok(());
        };
        match known.as_ref() {
            Some(Known::Value(value)) => visit.call(value),
            Some(Known::Raised { exception, traceback }) => {
                visit.call(exception)?;
                visit.call(traceback)
            }
            None => Ok(()),
        }
    }
}
