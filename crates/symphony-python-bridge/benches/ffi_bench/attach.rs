//! Taking the GIL and giving it back, with and without a permanent thread state.

use std::time::{Duration, Instant};

use criterion::Criterion;
use pyo3::Python;
use symphony_python_bridge::gil::ThreadState;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("attach");
    let state = ThreadState::of_current_thread();
    group.bench_function("permanent thread state/ours", |bencher| {
        bencher.iter(|| drop(state.attach()));
    });
    group.bench_function("permanent thread state/pyo3", |bencher| {
        bencher.iter(|| Python::attach(|_| ()));
    });
    group.bench_function("a new thread state each time/pyo3", |bencher| {
        bencher.iter_custom(attach_on_new_thread);
    });
    group.bench_function("nested/pyo3", |bencher| {
        Python::attach(|_| bencher.iter(|| Python::attach(|_| ())));
    });
    group.finish();
}

/// A thread that never called Python has no thread state, so each attachment makes one and deletes it.
fn attach_on_new_thread(iterations: u64) -> Duration {
    std::thread::spawn(move || {
        let start = Instant::now();
        for _ in 0..iterations {
            Python::attach(|_| ());
        }
        start.elapsed()
    })
    .join()
    .expect("attaching does not panic")
}
