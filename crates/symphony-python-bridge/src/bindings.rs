//! What Rust offers to Python: the compiled module behind the package `symphony_bridge`.

use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::async_support::futures::future_into_py;
use crate::{async_support, interpreter, javascript, subprocess};

/// The version of the bridge.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How this binary was built: pairs of name and value.
pub const BUILD_INFO: [(&str, &str); 4] = [
    ("version", VERSION),
    ("target", env!("SYMPHONY_TARGET")),
    ("profile", env!("SYMPHONY_PROFILE")),
    ("abi", "abi3-py310"),
];

/// Puts the members into the compiled module.
///
/// # Errors
///
/// When Python cannot make one of them, for lack of memory.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", VERSION)?;
    let build = PyDict::new(module.py());
    for (name, value) in BUILD_INFO {
        build.set_item(name, value)?;
    }
    module.add("BUILD_INFO", build)?;
    javascript::fill(module)?;
    module.add_class::<async_support::CallOutput>()?;
    module.add_class::<async_support::Awaiting>()?;
    module.add_class::<async_support::Stream>()?;
    module.add_function(wrap_pyfunction!(async_support::loop_descriptor, module)?)?;
    module.add_function(wrap_pyfunction!(async_support::loop_serve, module)?)?;
    module.add_function(wrap_pyfunction!(async_support::loop_closed, module)?)?;
    module.add_function(wrap_pyfunction!(async_support::loop_tasks, module)?)?;
    #[cfg(target_os = "linux")]
    {
        module.add_function(wrap_pyfunction!(async_support::loop_wait, module)?)?;
        module.add_function(wrap_pyfunction!(async_support::loop_watch, module)?)?;
    }
    module.add_function(wrap_pyfunction!(subprocess::serve_subprocess, module)?)?;
    module.add_function(wrap_pyfunction!(subprocess::loop_beat, module)?)?;
    module.add_function(wrap_pyfunction!(get_system_info, module)?)?;
    module.add_function(wrap_pyfunction!(get_system_info_async, module)?)?;
    module.add_function(wrap_pyfunction!(sleep_async, module)?)?;
    module.add_function(wrap_pyfunction!(emit_output, module)?)?;
    module.add_function(wrap_pyfunction!(emit_log, module)?)?;
    module.add_function(wrap_pyfunction!(has_plain_form, module)?)?;
    module.add_function(wrap_pyfunction!(poison_after_fork, module)?)
}

/// What runs this Python: versions and paths; how many Python objects JavaScript holds (`handles`), how many of those are shared and not
/// adopted (`shares`), how many JavaScript objects Python holds (`js_objects`); bytes of the memory that the bridge allocated for arrays (`array_bytes`); Rust futures that are awaited (`futures`); environments, requests, sessions and threads.
/// `handle_faults` says how often the bridge itself found that it had counted handles wrongly, and is 0.
#[pyfunction]
fn get_system_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let values = PyDict::new(py);
    values.set_item("bridge", VERSION)?;
    if let Some(info) = interpreter::info() {
        values.set_item("python", &info.version)?;
        values.set_item("executable", &info.executable)?;
        values.set_item("prefix", &info.prefix)?;
        values.set_item("libpython", info.libpython.as_deref())?;
    }
    let statistics = async_support::statistics();
    values.set_item("threads", statistics.threads)?;
    values.set_item("sessions", statistics.sessions)?;
    values.set_item("environments", statistics.environments)?;
    values.set_item("requests", statistics.requests)?;
    values.set_item("handles", crate::handles::count(py))?;
    values.set_item("handle_faults", crate::handles::faults())?;
    values.set_item("shares", crate::shares::count())?;
    values.set_item("js_objects", javascript::held_count())?;
    values.set_item("array_bytes", crate::memory::Block::allocated_bytes())?;
    values.set_item("futures", async_support::futures::count())?;
    values.set_item("tasks", async_support::task_count(py))?;
    Ok(values)
}

/// `get_system_info()` as an awaitable.
#[pyfunction]
fn get_system_info_async(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async { Ok(SystemInfo) })
}

/// Becomes the dict where there is the GIL.
struct SystemInfo;

impl<'py> IntoPyObject<'py> for SystemInfo {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        get_system_info(py)
    }
}

/// Waits for `seconds` without a thread, and gives `result`; like `asyncio.sleep`, in any event loop. `ValueError` for a number that is
/// negative, infinite or none.
#[pyfunction]
#[pyo3(signature = (seconds, result=None))]
fn sleep_async<'py>(py: Python<'py>, seconds: f64, result: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| {
        PyValueError::new_err(format!(
            "`seconds` must be a number of seconds, but got {seconds}: {error}"
        ))
    })?;
    let result = result.map_or_else(|| py.None(), Bound::unbind);
    future_into_py(py, async move {
        tokio::time::sleep(duration).await;
        Ok(result)
    })
}

#[pyfunction]
fn emit_output(stream: u8, text: &str) {
    async_support::emit_output(stream, text);
}

#[pyfunction]
fn emit_log(record: &Bound<'_, PyAny>) -> PyResult<()> {
    async_support::emit_log(record).map_err(|_| PyTypeError::new_err("a log record holds plain data only"))
}

#[pyfunction]
fn has_plain_form(value: &Bound<'_, PyAny>) -> bool {
    async_support::has_plain_form(value)
}

#[pyfunction]
fn poison_after_fork() {
    interpreter::poison_after_fork();
}
