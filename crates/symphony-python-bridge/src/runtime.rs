//! The Python half of the bridge: the package `symphony_bridge`, built into the core, and the functions Rust calls.

use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PyType};

/// The modules of the package: name, source, and whether it is a package itself.
const SOURCES: [(&str, &str, bool); 28] = [
    (
        "symphony_bridge",
        include_str!("../python/symphony_bridge/__init__.py"),
        true,
    ),
    (
        "symphony_bridge._annotations",
        include_str!("../python/symphony_bridge/_annotations.py"),
        false,
    ),
    (
        "symphony_bridge._arrays",
        include_str!("../python/symphony_bridge/_arrays.py"),
        false,
    ),
    (
        "symphony_bridge._arrow",
        include_str!("../python/symphony_bridge/_arrow.py"),
        false,
    ),
    (
        "symphony_bridge._arrow_in",
        include_str!("../python/symphony_bridge/_arrow_in.py"),
        false,
    ),
    (
        "symphony_bridge._arrow_out",
        include_str!("../python/symphony_bridge/_arrow_out.py"),
        false,
    ),
    (
        "symphony_bridge._arrow_types",
        include_str!("../python/symphony_bridge/_arrow_types.py"),
        false,
    ),
    (
        "symphony_bridge._async_context",
        include_str!("../python/symphony_bridge/_async_context.py"),
        false,
    ),
    (
        "symphony_bridge._code",
        include_str!("../python/symphony_bridge/_code.py"),
        false,
    ),
    (
        "symphony_bridge._conductor",
        include_str!("../python/symphony_bridge/_conductor.py"),
        false,
    ),
    (
        "symphony_bridge._context",
        include_str!("../python/symphony_bridge/_context.py"),
        false,
    ),
    (
        "symphony_bridge._describe",
        include_str!("../python/symphony_bridge/_describe.py"),
        false,
    ),
    (
        "symphony_bridge._exit",
        include_str!("../python/symphony_bridge/_exit.py"),
        false,
    ),
    (
        "symphony_bridge._futures",
        include_str!("../python/symphony_bridge/_futures.py"),
        false,
    ),
    (
        "symphony_bridge._imports",
        include_str!("../python/symphony_bridge/_imports.py"),
        false,
    ),
    (
        "symphony_bridge._javascript",
        include_str!("../python/symphony_bridge/_javascript.py"),
        false,
    ),
    (
        "symphony_bridge._logging",
        include_str!("../python/symphony_bridge/_logging.py"),
        false,
    ),
    (
        "symphony_bridge._loop",
        include_str!("../python/symphony_bridge/_loop.py"),
        false,
    ),
    (
        "symphony_bridge._open",
        include_str!("../python/symphony_bridge/_open.py"),
        false,
    ),
    (
        "symphony_bridge._output",
        include_str!("../python/symphony_bridge/_output.py"),
        false,
    ),
    (
        "symphony_bridge._proxies",
        include_str!("../python/symphony_bridge/_proxies.py"),
        false,
    ),
    (
        "symphony_bridge._readable",
        include_str!("../python/symphony_bridge/_readable.py"),
        false,
    ),
    (
        "symphony_bridge._start",
        include_str!("../python/symphony_bridge/_start.py"),
        false,
    ),
    (
        "symphony_bridge._streams",
        include_str!("../python/symphony_bridge/_streams.py"),
        false,
    ),
    (
        "symphony_bridge._subprocess",
        include_str!("../python/symphony_bridge/_subprocess.py"),
        false,
    ),
    (
        "symphony_bridge.errors",
        include_str!("../python/symphony_bridge/errors.py"),
        false,
    ),
    (
        "symphony_bridge.generated",
        include_str!("../python/symphony_bridge/generated/__init__.py"),
        true,
    ),
    (
        "symphony_bridge.generated.error_codes",
        include_str!("../python/symphony_bridge/generated/error_codes.py"),
        false,
    ),
];

const FINDER: &CStr = c_source(concat!(include_str!("../python/symphony_bridge/_embedded.py"), "\0"));

const fn c_source(text: &str) -> &CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(source) => source,
        Err(_) => panic!("a Python source contains a NUL character"),
    }
}

/// A Python function that Rust calls.
#[derive(Clone, Copy)]
pub(crate) enum Function {
    Begin,
    End,
    Evaluate,
    Execute,
    ImportFile,
    Enter,
    Leave,
    LeaveAll,
    Describe,
    MessageOf,
    FloatParameters,
    JsError,
    LastingLoop,
    SignatureOf,
    Overdue,
    ProxyClass,
    OpenObject,
    BeginCapture,
    EndCapture,
    RunLoop,
    CancelledError,
    CallCancelled,
    TaskTimeout,
    ConductorFatal,
    Stream,
    PlainStream,
    ArrayOver,
    ViewOver,
    BufferOf,
    ExportArrow,
    ImportArrow,
    ArrowRefusal,
    WriteFaultsTo,
    Prepare,
}

const FUNCTIONS: [(&str, &str); 34] = [
    ("symphony_bridge._start", "begin"),
    ("symphony_bridge._exit", "end"),
    ("symphony_bridge._code", "evaluate"),
    ("symphony_bridge._code", "execute"),
    ("symphony_bridge._code", "import_file"),
    ("symphony_bridge._context", "enter"),
    ("symphony_bridge._context", "leave"),
    ("symphony_bridge._context", "leave_all"),
    ("symphony_bridge._describe", "describe"),
    ("symphony_bridge._describe", "message_of"),
    ("symphony_bridge._annotations", "float_parameters"),
    ("symphony_bridge.errors", "JsError"),
    ("symphony_bridge._futures", "LastingLoop"),
    ("symphony_bridge._javascript", "signature_of"),
    ("symphony_bridge._javascript", "overdue"),
    ("symphony_bridge._proxies", "proxy_class"),
    ("symphony_bridge._open", "open_object"),
    ("symphony_bridge._output", "begin_capture"),
    ("symphony_bridge._output", "end_capture"),
    ("symphony_bridge._loop", "run"),
    ("asyncio", "CancelledError"),
    ("symphony_bridge.errors", "CallCancelled"),
    ("symphony_bridge.errors", "TaskTimeout"),
    ("symphony_bridge.errors", "ConductorFatal"),
    ("symphony_bridge._loop", "stream"),
    ("symphony_bridge._loop", "plain_stream"),
    ("symphony_bridge._arrays", "array_over"),
    ("symphony_bridge._arrays", "view_over"),
    ("symphony_bridge._arrays", "buffer_of"),
    ("symphony_bridge._arrow_out", "export_arrow"),
    ("symphony_bridge._arrow_in", "import_arrow"),
    ("symphony_bridge._arrow", "ArrowRefusal"),
    ("symphony_bridge._subprocess", "write_faults_to"),
    ("symphony_bridge._subprocess", "prepare"),
];

static FOUND: [PyOnceLock<Py<PyAny>>; FUNCTIONS.len()] = [const { PyOnceLock::new() }; FUNCTIONS.len()];
static NAMESPACE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the package importable, from this binary and before anything on `sys.path`. Modules are compiled when they are
/// first imported, so that those nobody needs cost nothing at the start.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let native = PyModule::new(py, "symphony_bridge._native")?;
    crate::bindings::fill(&native)?;
    py.import("sys")?
        .getattr("modules")?
        .set_item("symphony_bridge._native", native)?;
    let finder = PyDict::new(py);
    py.run(FINDER, Some(&finder), None)?;
    let install = finder
        .get_item("install")?
        .ok_or_else(|| PyRuntimeError::new_err("the finder has no `install`"))?;
    install.call1((wrap_pyfunction!(embedded_source, py)?,))?;
    Ok(())
}

/// The source of a module of the package, and whether it is a package; `None` for any other name.
#[pyfunction]
fn embedded_source(name: &str) -> Option<(&'static str, bool)> {
    SOURCES
        .iter()
        .find(|source| source.0 == name)
        .map(|source| (source.1, source.2))
}

/// The function, imported at its first use.
pub(crate) fn function(py: Python<'_>, function: Function) -> PyResult<Bound<'_, PyAny>> {
    let index = function as usize;
    let (module, name) = FUNCTIONS[index];
    FOUND[index]
        .get_or_try_init(py, || Ok(py.import(module)?.getattr(name)?.unbind()))
        .map(|found| found.bind(py).clone())
}

/// Whether the object is what `exec` gives.
pub(crate) fn is_namespace(object: &Bound<'_, PyAny>) -> bool {
    let py = object.py();
    // By name first, so that nothing is imported for the question.
    let class = object.get_type();
    class.name().is_ok_and(|name| name == "Namespace")
        && NAMESPACE
            .get_or_try_init(py, || {
                PyResult::Ok(
                    py.import("symphony_bridge._code")?
                        .getattr("Namespace")?
                        .cast_into::<PyType>()?
                        .unbind(),
                )
            })
            .is_ok_and(|known| class.is(known))
}
