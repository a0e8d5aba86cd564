//! What Python prints during one call, on its way to the functions that the call was given.
//!
//! The Python half finds the [`CallOutput`] of a call in a context variable (`_output.py`), so that it holds for the tasks
//! and threads that the call starts and for nobody else. Text is handed over at once and never waits for JavaScript.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::{Channel, Job};
use crate::errors::Failure;
use crate::interpreter;
use crate::runtime::{self, Function};

/// The stream of an entry that says that nothing more will come.
const END: u8 = 0;

/// Text that was printed: to which stream, 1 or 2, during which call, 0 for text of no call.
pub struct Printed {
    /// 1 for `stdout`, 2 for `stderr`, 0 when nothing more will come for the call.
    pub stream: u8,
    /// The request id, or 0.
    pub request: u32,
    /// What was printed since the last time.
    pub text: String,
}

/// One call's place for text. Its end is told when the last thing that could print has gone: the job, and everything that
/// copied the context it ran in.
pub(super) struct Sink {
    channel: Arc<Channel>,
    request: u32,
    streams: u8,
}

impl Sink {
    /// That of a request, if it wants its text.
    pub(super) fn of(channel: &Arc<Channel>, request: u32, streams: u8) -> Option<Arc<Self>> {
        (streams != 0).then(|| {
            Arc::new(Self {
                channel: Arc::clone(channel),
                request,
                streams,
            })
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.channel.print(END, self.request, "");
    }
}

/// Where a call's text goes; the value of the context variable.
#[pyclass(frozen, module = "symphony_bridge._native")]
pub(crate) struct CallOutput(Arc<Sink>);

#[pymethods]
impl CallOutput {
    /// The streams that it takes: 1 for `stdout`, 2 for `stderr`, 3 for both.
    #[getter]
    fn streams(&self) -> u8 {
        self.0.streams
    }

    /// Hands text over.
    fn write(&self, stream: u8, text: &str) {
        self.0.channel.print(stream, self.0.request, text);
    }
}

/// While it lives, what the job prints on this thread goes to the job's own place.
pub(super) struct Capture<'py> {
    token: Bound<'py, PyAny>,
    /// The context outlives the job, which then must leave no trace in it.
    persists: bool,
}

impl<'py> Capture<'py> {
    /// For a job that wants its text.
    ///
    /// # Errors
    ///
    /// When Python has no memory for it.
    pub(super) fn begin(py: Python<'py>, job: &Job, persists: bool) -> PyResult<Option<Self>> {
        let Some(sink) = &job.sink else { return Ok(None) };
        let output = CallOutput(Arc::clone(sink));
        let token = runtime::function(py, Function::BeginCapture)?.call1((output,))?;
        Ok(Some(Self { token, persists }))
    }
}

/// What a job does while its text is captured; fails if that could not be done.
pub(super) fn captured<T>(
    py: Python<'_>,
    capture: &PyResult<Option<Capture<'_>>>,
    body: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    match capture {
        Ok(_) => body(),
        Err(error) => Err(error.clone_ref(py).into()),
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if !self.persists {
            return;
        }
        let py = self.token.py();
        let ended = runtime::function(py, Function::EndCapture).and_then(|end| end.call1((&self.token,)));
        if let Err(error) = ended {
            // The outcome of the job is known, so there is nobody to raise it to.
            error.write_unraisable(py, None);
        }
    }
}

/// What waits to be taken. Writes that follow each other become one, up to a size that JavaScript handles well.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Vec<Printed>>);

const LONGEST: usize = 64 * 1024;

impl Waiting {
    /// Whether it was empty before.
    pub(super) fn push(&self, stream: u8, request: u32, text: &str) -> bool {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        match waiting.last_mut() {
            Some(last)
                if (last.stream, last.request) == (stream, request)
                    && stream != END
                    && last.text.len() + text.len() <= LONGEST =>
            {
                last.text.push_str(text);
            }
            _ => waiting.push(Printed {
                stream,
                request,
                text: text.to_owned(),
            }),
        }
        was_empty
    }

    pub(super) fn take(&self) -> Vec<Printed> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Printed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// Text for this environment; dropped once it has ended, and in a forked child, where nobody would take it.
    pub(super) fn print(&self, stream: u8, request: u32, text: &str) {
        if !self.is_closed() && !interpreter::is_forked() && self.output().push(stream, request, text) {
            self.wake();
        }
    }

    /// What Python printed since the last time.
    pub fn take_output(&self) -> Vec<Printed> {
        self.output().take()
    }
}
