//! One call of a Python function, one attribute: from Rust by our path, from Rust by PyO3, and from Python itself.
//!
//! The side `ours` is an encoded request, run and its outcome encoded: what an asynchronous call does once its thread is
//! attached.

use std::hint::black_box;

use criterion::Criterion;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use symphony_python_bridge::async_support::Crossings;
use symphony_python_bridge::operation::{self, HEADER_BYTES, Header};
use symphony_python_bridge::{handles, names};
use symphony_wire::Writer;

use crate::samples::{self, PythonLoop};

/// The operations of a request that are measured here.
const VALUE: u8 = 0;
const CALL: u8 = 1;

pub(crate) fn measure(criterion: &mut Criterion) {
    Python::attach(|py| {
        let names = samples::namespace(py);
        our_side(criterion, py, &names);
        pyo3_side(criterion, py, &names);
        python_side(criterion, &names);
    });
}

fn our_side(criterion: &mut Criterion, py: Python<'_>, names: &Bound<'_, PyDict>) {
    let mut group = criterion.benchmark_group("call");
    for (name, operation, target, path, arguments, keywords) in [
        ("no arguments", CALL, "noop", None, &[][..], &[][..]),
        ("two ints", CALL, "add", None, &[1, 2], &[]),
        ("two keyword arguments", CALL, "named", None, &[], &[("a", 1), ("b", 2)]),
        ("method by name", CALL, "target", Some("method"), &[], &[]),
        ("int attribute", VALUE, "target", Some("value"), &[], &[]),
    ] {
        let target = samples::evaluate(names, target);
        let request = request(operation, &target, path, arguments, keywords);
        let mut writer = Writer::new();
        group.bench_function(format!("{name}/ours"), |bencher| {
            bencher.iter(|| {
                writer.clear();
                run(py, black_box(&request), &mut writer);
                black_box(writer.as_slice());
            });
        });
    }
    group.finish();
}

/// Runs a request as the executor's threads do.
fn run(py: Python<'_>, request: &[u8], writer: &mut Writer) {
    let mut references = Crossings::default();
    let header = Header::read(request).expect("the request is whole");
    let Ok(outcome) = operation::run(py, &header, request, &references) else {
        panic!("the sample request fails");
    };
    assert!(
        outcome.write(header.returns(), writer, &mut references).is_ok(),
        "the outcome is plain data"
    );
}

/// A request in the layout of `docs/internal/native-interface.md`.
fn request(
    operation: u8,
    target: &Bound<'_, PyAny>,
    path: Option<&str>,
    arguments: &[i64],
    keywords: &[(&str, i64)],
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(&[0; HEADER_BYTES]);
    let (handle, _) = handles::export(target);
    writer.handle_reference(handle);
    writer.array(path.iter().len()).expect("a path is short");
    if let Some(name) = path {
        writer.unsigned(names::number(name).into());
    }
    writer.array(arguments.len()).expect("there are few arguments");
    for &argument in arguments {
        writer.integer(argument);
    }
    writer.map(keywords.len()).expect("there are few keywords");
    for &(name, value) in keywords {
        writer.text(name).expect("a keyword is short");
        writer.integer(value);
    }
    let length = u32::try_from(writer.len() - 4).expect("a request is small");
    writer.patch_u32(0, length);
    let mut bytes = writer.into_vec();
    bytes[12] = operation;
    bytes
}

fn pyo3_side(criterion: &mut Criterion, py: Python<'_>, names: &Bound<'_, PyDict>) {
    let noop = samples::evaluate(names, "noop");
    let add = samples::evaluate(names, "add");
    let keyword_only = samples::evaluate(names, "named");
    let target = samples::evaluate(names, "target");
    let mut group = criterion.benchmark_group("call");
    group.bench_function("no arguments/pyo3", |bencher| {
        bencher.iter(|| noop.call0().expect("noop returns"));
    });
    group.bench_function("two ints/pyo3", |bencher| {
        bencher.iter(|| {
            let sum = add.call1((1, 2)).expect("add returns");
            sum.extract::<i64>().expect("it is an int")
        });
    });
    group.bench_function("two keyword arguments/pyo3", |bencher| {
        bencher.iter(|| {
            let keywords = PyDict::new(py);
            keywords.set_item(intern!(py, "a"), 1).expect("a dict takes items");
            keywords.set_item(intern!(py, "b"), 2).expect("a dict takes items");
            let sum = keyword_only.call((), Some(&keywords)).expect("named returns");
            sum.extract::<i64>().expect("it is an int")
        });
    });
    group.bench_function("method by name/pyo3", |bencher| {
        bencher.iter(|| target.call_method0(intern!(py, "method")).expect("method returns"));
    });
    group.bench_function("int attribute/pyo3", |bencher| {
        bencher.iter(|| {
            let value = target.getattr(intern!(py, "value")).expect("the attribute exists");
            value.extract::<i64>().expect("it is an int")
        });
    });
    group.finish();
}

fn python_side(criterion: &mut Criterion, names: &Bound<'_, PyDict>) {
    let mut group = criterion.benchmark_group("call");
    for (name, statement) in [
        ("no arguments", "noop()"),
        ("two ints", "add(1, 2)"),
        ("two keyword arguments", "named(a=1, b=2)"),
        ("method by name", "target.method()"),
        ("int attribute", "target.value"),
    ] {
        let python = PythonLoop::new(names, statement);
        group.bench_function(format!("{name}/python"), |bencher| {
            bencher.iter_custom(|turns| python.run(turns));
        });
    }
    group.finish();
}
