//! What the boundary costs seen from Rust: attaching, calling, converting; beside plain PyO3, and beside Python calling Python.
//!
//! `cargo bench -p symphony-python-bridge`; a filter after `--` selects, for example `-- call/` or `-- encode/list`.
//! Rows are named `group/operation/side`. The side `ours` is what the bridge does, `pyo3` is the same by PyO3's
//! ordinary functions, and `python` is a loop in Python around the same statement, its loop included.

#[path = "ffi_bench/attach.rs"]
mod attach;
#[path = "ffi_bench/calls.rs"]
mod calls;
#[path = "ffi_bench/conversions.rs"]
mod conversions;
#[path = "ffi_bench/samples.rs"]
mod samples;

use std::time::Duration;

use criterion::Criterion;
use pyo3::Python;

fn main() {
    Python::initialize();
    let mut criterion = Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    attach::measure(&mut criterion);
    calls::measure(&mut criterion);
    conversions::measure(&mut criterion);
    criterion.final_summary();
}
