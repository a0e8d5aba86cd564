//! The core binary: the Node-API face of the bridge.
//!
//! Node loads it after the loader opened a libpython (or the stub library) for the `Py*` symbols it leaves undefined.
//! Its functions are raw Node-API callbacks: what the `#[napi]` macro would add is two to three times the cost of the
//! callback itself. `docs/internal/native-interface.md` describes them all; `ts/native/core.ts` has their types.

mod adopted;
mod arguments;
mod array_functions;
mod array_memory;
mod backing_store;
mod block_buffers;
mod conductor;
mod connection;
mod exports;
mod external_buffer;
mod js;
mod mailbox;
mod outbox;
mod port;
mod port_functions;
mod results;
mod shared_memory;
mod thread_safe_function;
mod uv;
mod waker;
mod worker_mode;

use napi::bindgen_prelude::Object;
use napi::{Env, JsValue};
use napi_derive::napi;
use pyo3::prelude::*;

/// Fills the module object of one environment.
#[napi(module_exports)]
fn register(exports: Object<'_>, env: Env) {
    exports::define(env.raw(), exports.raw());
}

/// The same file is the compiled half of the Python package `symphony_bridge`.
#[pymodule]
#[pyo3(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    symphony_python_bridge::bindings::fill(module)
}

/// Asks Node for finalizers that run inside the collection rather than after the job, so that handles made in one
/// long synchronous job are freed during it. Such finalizers may not touch JavaScript; ours only queue ids.
#[unsafe(no_mangle)]
extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    const NAPI_VERSION_EXPERIMENTAL: i32 = i32::MAX;
    NAPI_VERSION_EXPERIMENTAL
}
