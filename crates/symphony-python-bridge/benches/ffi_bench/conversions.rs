//! Each kind of value in both directions, at several sizes: `encode` is Python to wire bytes, `decode` is the way back.
//!
//! The side `pyo3` extracts into the Rust type that a program would choose, and builds the Python object from it.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use symphony_python_bridge::types::{self, References, Returns};
use symphony_wire::{Reader, Writer};

use crate::samples;

/// A row of a table, as PyO3's derive macros read and write it.
#[derive(FromPyObject, IntoPyObjectRef)]
#[pyo3(from_item_all)]
struct Record {
    id: i64,
    name: String,
    price: f64,
    active: bool,
    tags: Vec<String>,
}

/// Plain data only: nothing here becomes a handle.
struct NoReferences;

impl References for NoReferences {
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
        unreachable!("plain data has no handle: {object}")
    }

    fn import<'py>(&self, _py: Python<'py>, _id: u32) -> Option<Bound<'py, PyAny>> {
        None
    }

    fn request<'py>(&self, _py: Python<'py>, _id: u32) -> Option<Bound<'py, PyAny>> {
        None
    }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    Python::attach(|py| {
        let names = samples::namespace(py);
        let mut bench = Bench {
            names: &names,
            criterion,
        };
        scalars(&mut bench);
        text_and_bytes(&mut bench);
        collections(&mut bench);
    });
}

fn scalars(bench: &mut Bench<'_, '_>) {
    bench.only_ours("None", "None");
    bench.value::<bool>("bool", "True", 1);
    bench.value::<i64>("int, small", "7", 1);
    bench.value::<i64>("int, 62 bits", "2 ** 62", 1);
    bench.only_ours("int, 200 bits", "2 ** 200");
    bench.value::<f64>("float", "0.1", 1);
}

fn text_and_bytes(bench: &mut Bench<'_, '_>) {
    for size in [10, 1_000, 100_000] {
        bench.value::<String>(&format!("str, ascii, {size}"), &format!("'a' * {size}"), size);
        bench.value::<String>(&format!("str, cyrillic, {size}"), &format!("'ж' * {size}"), size);
    }
    for size in [10, 1_000, 100_000] {
        bench.value_by(
            &format!("bytes, {size}"),
            &format!("b'a' * {size}"),
            size,
            |object| object.extract::<Vec<u8>>(),
            |py, bytes| Ok(PyBytes::new(py, bytes).into_any()),
        );
    }
}

fn collections(bench: &mut Bench<'_, '_>) {
    for size in [0, 10, 1_000, 100_000] {
        bench.value::<Vec<i64>>(&format!("list of int, {size}"), &format!("list(range({size}))"), size);
    }
    bench.value::<Vec<f64>>("list of float, 1000", "[i / 7 for i in range(1000)]", 1_000);
    bench.value::<Vec<String>>("list of str, 1000", "[f'name {i}' for i in range(1000)]", 1_000);
    bench.value::<(i64, String, f64)>("tuple of 3", "(1, 'two', 3.5)", 3);
    for size in [10, 1_000] {
        bench.value::<HashMap<String, i64>>(
            &format!("dict of str to int, {size}"),
            &format!("{{f'key {{i}}': i for i in range({size})}}"),
            size,
        );
    }
    bench.value::<HashSet<i64>>("set of int, 1000", "set(range(1000))", 1_000);
    bench.value::<Vec<Record>>(
        "records of 5 fields, 1000",
        "[{'id': i, 'name': f'name {i}', 'price': i / 7, 'active': i % 2 == 0, 'tags': ['a', 'b']} for i in range(1000)]",
        1_000,
    );
}

struct Bench<'bench, 'py> {
    names: &'bench Bound<'py, PyDict>,
    criterion: &'bench mut Criterion,
}

impl<'py> Bench<'_, 'py> {
    /// Both sides, where PyO3 has the Rust type.
    fn value<T>(&mut self, name: &str, expression: &str, elements: u64)
    where
        T: for<'a> FromPyObject<'a, 'py, Error: std::fmt::Debug>,
        for<'a> &'a T: IntoPyObject<'py>,
    {
        self.value_by(
            name,
            expression,
            elements,
            |object| {
                object
                    .extract::<T>()
                    .map_err(|error| pyo3::exceptions::PyValueError::new_err(format!("{error:?}")))
            },
            |py, value| value.into_bound_py_any(py),
        );
    }

    fn value_by<T>(
        &mut self,
        name: &str,
        expression: &str,
        elements: u64,
        extract: impl Fn(&Bound<'py, PyAny>) -> PyResult<T>,
        build: impl Fn(Python<'py>, &T) -> PyResult<Bound<'py, PyAny>>,
    ) {
        let py = self.names.py();
        let object = samples::evaluate(self.names, expression);
        let mut group = self.criterion.benchmark_group("encode");
        group.throughput(Throughput::Elements(elements));
        encode(&mut group, name, &object);
        group.bench_function(format!("{name}/pyo3"), |bencher| {
            bencher.iter(|| extract(black_box(&object)).expect("it extracts"));
        });
        group.finish();

        let value = extract(&object).expect("it extracts");
        let mut group = self.criterion.benchmark_group("decode");
        group.throughput(Throughput::Elements(elements));
        decode(&mut group, name, &object);
        group.bench_function(format!("{name}/pyo3"), |bencher| {
            bencher.iter(|| build(py, black_box(&value)).expect("it builds"));
        });
        group.finish();
    }

    /// Our side alone, where PyO3 has no Rust type that holds the value.
    fn only_ours(&mut self, name: &str, expression: &str) {
        let object = samples::evaluate(self.names, expression);
        let mut group = self.criterion.benchmark_group("encode");
        encode(&mut group, name, &object);
        group.finish();
        let mut group = self.criterion.benchmark_group("decode");
        decode(&mut group, name, &object);
        group.finish();
    }
}

fn encode(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, object: &Bound<'_, PyAny>) {
    let mut writer = Writer::new();
    group.bench_function(format!("{name}/ours"), |bencher| {
        bencher.iter(|| {
            writer.clear();
            types::encode(black_box(object), Returns::Value, &mut writer, &mut NoReferences).expect("it encodes");
            black_box(writer.as_slice());
        });
    });
}

fn decode(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, object: &Bound<'_, PyAny>) {
    let mut writer = Writer::new();
    types::encode(object, Returns::Value, &mut writer, &mut NoReferences).expect("it encodes");
    let bytes = writer.into_vec();
    group.bench_function(format!("{name}/ours"), |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::new(black_box(&bytes));
            types::decode(object.py(), &mut reader, &|| "value".to_owned(), &NoReferences).expect("it decodes")
        });
    });
}
