//! CPython for a host process: interpreter life, calls, values, errors and the executor behind asynchronous calls.
//!
//! The crate knows Python and not Node. A host starts the [`interpreter`], attaches its own thread with
//! [`gil::ThreadState`], and then either calls objects of the [`handles`] table directly or runs encoded requests:
//! at once through [`operation::run`], or queued through [`async_support::submit`].
//!
//! It is built for the stable ABI of CPython 3.10 and links no libpython when `PYO3_BUILD_EXTENSION_MODULE` is set:
//! the host opens one first. What the stable ABI lacks is looked up at run time ([`symbols`]).

pub mod async_support;
pub mod bindings;
mod contexts;
pub mod errors;
pub mod float_parameters;
pub mod gil;
pub mod handles;
pub mod interpreter;
pub mod javascript;
pub mod kinds;
pub mod memory;
pub mod method;
pub mod names;
pub mod operation;
pub mod pit_api;
pub mod releases;
mod runtime;
pub mod scheduling;
pub mod shares;
pub mod subprocess;
pub mod symbols;
pub mod types;
