//! The Python half of the bridge: the package `symphony_bridge`, built into the core, and the functions Rust calls.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PyType};

/// A module of the package.
struct Source {
    name: &'static str,
    text: &'static str,
    package: bool,
}

const fn module(name: &'static str, text: &'static str) -> Source {
    Source { name, text, package: false }
}

const fn package(name: &'static str, text: &'static str) -> Source {
    Source { name, text, package: true }
}

/// Loaded before `site`, in this order: a module follows what it imports.
const EAGER: [Source; 6] = [
    module("symphony_bridge.errors", include_str!("../python/symphony_bridge/errors.py")),
    package("symphony_bridge.generated", include_str!("../python/symphony_bridge/generated/__init__.py")),
    module("symphony_bridge.generated.error_codes", include_str!("../python/symphony_bridge/generated/error_codes.py")),
    package("symphony_bridge", include_str!("../python/symphony_bridge/__init__.py")),
    module("symphony_bridge._streams", include_str!("../python/symphony_bridge/_streams.py")),
    module("symphony_bridge._life", include_str!("../python/symphony_bridge/_life.py")),
];

/// Loaded when first needed, so that they cost nothing at the start; none imports another.
const LAZY: [Source; 3] = [
    module("symphony_bridge._code", include_str!("../python/symphony_bridge/_code.py")),
    module("symphony_bridge._context", include_str!("../python/symphony_bridge/_context.py")),
    module("symphony_bridge._describe", include_str!("../python/symphony_bridge/_describe.py")),
];

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
    Describe,
    MessageOf,
}

const FUNCTIONS: [(&str, &str); 9] = [
    ("symphony_bridge._life", "begin"),
    ("symphony_bridge._life", "end"),
    ("symphony_bridge._code", "evaluate"),
    ("symphony_bridge._code", "execute"),
    ("symphony_bridge._code", "import_file"),
    ("symphony_bridge._context", "enter"),
    ("symphony_bridge._context", "leave"),
    ("symphony_bridge._describe", "describe"),
    ("symphony_bridge._describe", "message_of"),
];

static FOUND: [PyOnceLock<Py<PyAny>>; FUNCTIONS.len()] = [const { PyOnceLock::new() }; FUNCTIONS.len()];
static NAMESPACE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Enters the package into `sys.modules`.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let modules = modules(py)?;
    let native = PyModule::new(py, "symphony_bridge._native")?;
    crate::bindings::fill(&native)?;
    modules.set_item("symphony_bridge._native", native)?;
    for source in &EAGER {
        load(py, &modules, source)?;
    }
    Ok(())
}

/// The function, imported at its first use.
pub(crate) fn function(py: Python<'_>, function: Function) -> PyResult<Bound<'_, PyAny>> {
    let index = function as usize;
    let (module, name) = FUNCTIONS[index];
    FOUND[index].get_or_try_init(py, || Ok(lazy_module(py, module)?.getattr(name)?.unbind())).map(|found| found.bind(py).clone())
}

/// Whether the object is what `exec` gives.
pub(crate) fn is_namespace(object: &Bound<'_, PyAny>) -> bool {
    NAMESPACE.get(object.py()).is_some_and(|class| object.get_type().is(class))
}

fn lazy_module<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let modules = modules(py)?;
    if let Some(module) = modules.get_item(name)? {
        return Ok(module);
    }
    if let Some(source) = LAZY.iter().find(|source| source.name == name) {
        load(py, &modules, source)?;
    }
    let module = modules.get_item(name)?.ok_or_else(|| pyo3::exceptions::PyImportError::new_err(name.to_owned()))?;
    if name == "symphony_bridge._code" {
        let class = module.getattr("Namespace")?.cast_into::<PyType>()?;
        NAMESPACE.get_or_init(py, || class.unbind());
    }
    Ok(module)
}

fn modules(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?)
}

fn load(py: Python<'_>, modules: &Bound<'_, PyDict>, source: &Source) -> PyResult<()> {
    let module = PyModule::new(py, source.name)?;
    let parent = source.name.rsplit_once('.').map(|(parent, _)| parent);
    if source.package {
        module.setattr("__path__", pyo3::types::PyList::empty(py))?;
    }
    module.setattr("__package__", if source.package { source.name } else { parent.unwrap_or_default() })?;
    let file = format!("<{}>", source.name);
    module.setattr("__file__", &file)?;
    modules.set_item(source.name, &module)?;
    let builtins = py.import("builtins")?;
    let code = builtins.getattr("compile")?.call1((source.text, &file, "exec"))?;
    builtins.getattr("exec")?.call1((code, module.dict()))?;
    if let Some((parent, name)) = source.name.rsplit_once('.')
        && let Some(parent) = modules.get_item(parent)?
    {
        parent.setattr(name, module)?;
    }
    Ok(())
}
