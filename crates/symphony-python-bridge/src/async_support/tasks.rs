//! Tasks of the loop whose first step runs at once.
//!
//! From CPython 3.12 on a task does that if it is told to. Before that, a task gives its first step to `call_soon` of its loop:
//! while the task is made, that is [`loop_first_step`], which keeps the step for [`start`] to run, as the loop would.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use super::IsolatedContext;
use crate::gil::GilCell;

/// How the tasks of the loop are made.
struct Maker {
    class: Py<PyAny>,
    event_loop: Py<PyAny>,
    /// The arguments by name that are the same for all tasks.
    arguments: Py<PyDict>,
    first_step: FirstStep,
    /// [`loop_first_step`].
    keep_step: Py<PyAny>,
}

/// What a task does with its first step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstStep {
    /// It runs it (3.12).
    Runs,
    /// It gives it to the loop, with the context that it was given (3.11).
    Posts,
    /// It gives it to the loop, with a copy of the context in which it was made (3.10).
    PostsWithCopy,
}

static MAKER: PyOnceLock<Maker> = PyOnceLock::new();

/// First steps of tasks that are being made, and their contexts: of ours, and of any that a destructor makes meanwhile.
static POSTED: GilCell<Vec<(Py<PyAny>, Py<PyAny>)>> = GilCell::new(Vec::new());

impl Maker {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        MAKER
            .get(py)
            .ok_or_else(|| PyRuntimeError::new_err("the event loop does not run"))
    }

    /// The loop's own `call_soon`.
    fn call_soon<'py>(
        &self,
        callback: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = callback.py();
        let event_loop = self.event_loop.bind(py);
        let mut all = vec![event_loop.clone(), callback.clone()];
        all.extend(arguments);
        let by_name = PyDict::new(py);
        by_name.set_item("context", context)?;
        let call_soon = event_loop.get_type().getattr(intern!(py, "call_soon"))?;
        call_soon.call(PyTuple::new(py, all)?, Some(&by_name))
    }
}

/// From now on tasks are made by calling `class`, and run by `event_loop`.
#[pyfunction]
pub(crate) fn loop_tasks(py: Python<'_>, event_loop: Py<PyAny>, class: Py<PyAny>) -> PyResult<()> {
    let version = py.version_info();
    let first_step = match (version.major, version.minor) {
        (3, ..=10) => FirstStep::PostsWithCopy,
        (3, 11) => FirstStep::Posts,
        _ => FirstStep::Runs,
    };
    let arguments = PyDict::new(py);
    arguments.set_item("loop", &event_loop)?;
    if first_step == FirstStep::Runs {
        arguments.set_item("eager_start", true)?;
    }
    let maker = Maker {
        class,
        event_loop,
        arguments: arguments.unbind(),
        first_step,
        keep_step: wrap_pyfunction!(loop_first_step, py)?.into_any().unbind(),
    };
    MAKER
        .set(py, maker)
        .map_err(|_| PyRuntimeError::new_err("there is an event loop already"))
}

/// Stands in for the loop's `call_soon` while a task is made.
#[pyfunction]
#[pyo3(signature = (callback, *arguments, context = None))]
pub(crate) fn loop_first_step<'py>(
    callback: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    context: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = callback.py();
    let maker = Maker::get(py)?;
    if let Some(context) = context
        && let Some(task) = task_of(callback)?
        && task.is_instance(maker.class.bind(py))?
    {
        let step = (callback.clone().unbind(), context.clone().unbind());
        POSTED.with(py, |posted| posted.push(step));
        return Ok(None);
    }
    // A destructor ran while the task was made, and wants the loop to call something.
    maker.call_soon(callback, arguments, context).map(Some)
}

/// The task of which a callback is a step.
fn task_of<'py>(callback: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    callback.getattr_opt(intern!(callback.py(), "__self__"))
}

/// A task over `steps` in a context, or in a copy of the present one. Its first step has run.
pub(super) fn start<'py>(steps: &Bound<'py, PyAny>, context: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    let py = steps.py();
    let maker = Maker::get(py)?;
    let (class, event_loop) = (maker.class.bind(py), maker.event_loop.bind(py));
    let mut arguments = maker.arguments.bind(py).clone();
    let mut entered = None;
    match (context, maker.first_step) {
        (Some(context), FirstStep::PostsWithCopy) => entered = IsolatedContext::enter_again(context),
        (Some(context), _) => {
            arguments = arguments.copy()?;
            arguments.set_item(intern!(py, "context"), context)?;
        }
        (None, _) => {}
    }
    if maker.first_step == FirstStep::Runs {
        return class.call((steps,), Some(&arguments));
    }
    let name = intern!(py, "call_soon");
    event_loop.setattr(name, &maker.keep_step)?;
    let task = class.call((steps,), Some(&arguments));
    event_loop.delattr(name)?;
    drop(entered);
    let task = task?;
    for (step, context) in POSTED.with(py, std::mem::take) {
        let (step, context) = (step.bind(py), context.into_bound(py));
        if task_of(step)?.is_some_and(|owner| owner.is(&task)) {
            // No other task is running here, and an exception of the step is the task's.
            let entered = IsolatedContext::enter_again(context);
            step.call0()?;
            drop(entered);
        } else {
            maker.call_soon(step, &PyTuple::empty(py), Some(&context))?;
        }
    }
    Ok(task)
}
