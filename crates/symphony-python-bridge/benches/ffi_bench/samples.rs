//! The Python side of the measurements: what is called, the values that are converted, and loops that Python runs itself.

use std::time::{Duration, Instant};

use pyo3::ffi::c_str;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The names that statements and values below refer to.
pub(crate) fn namespace(py: Python<'_>) -> Bound<'_, PyDict> {
    let names = PyDict::new(py);
    py.run(
        c_str!(
            r#"
def noop(): pass
def add(a, b): return a + b
def named(*, a, b): return a + b

class Target:
    def __init__(self): self.value = 42
    def method(self): pass

target = Target()
"#
        ),
        Some(&names),
        None,
    )
    .expect("the sample code runs");
    names
}

/// The value of an expression.
pub(crate) fn evaluate<'py>(names: &Bound<'py, PyDict>, expression: &str) -> Bound<'py, PyAny> {
    let source = std::ffi::CString::new(expression).expect("an expression has no NUL");
    names
        .py()
        .eval(&source, Some(names), None)
        .expect("the sample expression is valid")
}

/// The time Python takes for a statement, in a loop of its own.
pub(crate) struct PythonLoop<'py>(Bound<'py, PyAny>);

impl<'py> PythonLoop<'py> {
    pub(crate) fn new(names: &Bound<'py, PyDict>, statement: &str) -> Self {
        let source = format!(
            "def loop(turns, noop=noop, add=add, named=named, target=target):\n    for _ in __import__('itertools').repeat(None, turns):\n        {statement}\n"
        );
        let source = std::ffi::CString::new(source).expect("a statement has no NUL");
        names
            .py()
            .run(&source, Some(names), None)
            .expect("the sample statement is valid");
        Self(
            names
                .get_item("loop")
                .expect("the namespace is a dict")
                .expect("the loop was defined just now"),
        )
    }

    pub(crate) fn run(&self, turns: u64) -> Duration {
        let start = Instant::now();
        self.0.call1((turns,)).expect("the sample statement raises nothing");
        start.elapsed()
    }
}
