//! What JavaScript calls: `locate`, `locateAsync` and `open`. Requests and reports are JSON text.
//!
//! A panic becomes an error that says whose bug it is; unwinding into Node would end the process.

#![expect(clippy::needless_pass_by_value, reason = "napi hands over owned texts")]
#![expect(
    clippy::missing_errors_doc,
    reason = "JavaScript sees codes, and error-codes.json documents those"
)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;

use napi::Status;
use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use symphony_wire::ErrorCode;

use crate::locate::locate;
use crate::report::Report;
use crate::request::Request;

/// An error whose `code` in JavaScript is one of the shared codes.
type CodedError = napi::Error<&'static str>;

/// Finds the interpreter, on this thread. A Python that is missing is a report, not an exception.
#[napi(js_name = "locate")]
pub fn locate_now(request: String) -> Result<String, CodedError> {
    let request = parse(&request)?;
    catch_unwind(AssertUnwindSafe(|| report_text(&locate(&request))))
        .map_err(|panic| coded(ErrorCode::BridgePanic, panic_text(panic.as_ref())))
}

/// Finds the interpreter on a thread of its own; the report is given to `callback` on the thread of JavaScript.
#[napi]
pub fn locate_async(request: String, callback: Function<'_, FnArgs<(String,)>, ()>) -> Result<(), CodedError> {
    let request = parse(&request)?;
    let callback = callback
        .build_threadsafe_function()
        .build_callback(|context| Ok(FnArgs::from((context.value,))))
        .map_err(|error| {
            coded(
                ErrorCode::InvalidArgument,
                format!("`callback` cannot be called: {}", error.reason),
            )
        })?;
    let search = move || {
        let report = catch_unwind(AssertUnwindSafe(|| locate(&request))).unwrap_or_else(|panic| {
            Report::failed(
                ErrorCode::BridgePanic,
                panic_text(panic.as_ref()),
                None,
                None,
                Vec::new(),
            )
        });
        // `Closing` is the only refusal of an unlimited queue: the environment that asked has gone.
        let status = callback.call(report_text(&report), ThreadsafeFunctionCallMode::NonBlocking);
        debug_assert!(matches!(status, Status::Ok | Status::Closing));
    };
    thread::Builder::new()
        .name(String::from("py-locate"))
        .spawn(search)
        .map_err(|error| {
            coded(
                ErrorCode::PythonNotFound,
                format!("cannot start a thread to look for Python: {error}"),
            )
        })?;
    Ok(())
}

/// The library that is open in this process, whichever thread opened it; `null` if none is.
#[napi]
pub fn opened() -> Option<String> {
    crate::open::opened().map(|library| library.to_string_lossy().into_owned())
}

/// Opens libpython, or the stub library in its place, for the whole process.
#[napi]
pub fn open(libpython: String, deepbind: bool) -> Result<(), CodedError> {
    crate::open::open(Path::new(&libpython), deepbind).map_err(|failure| coded(failure.code, failure.message))
}

fn parse(request: &str) -> Result<Request, CodedError> {
    serde_json::from_str(request).map_err(|error| {
        coded(
            ErrorCode::InvalidArgument,
            format!("the request cannot be read: {error}"),
        )
    })
}

/// Serialising structs of text, numbers and booleans cannot fail.
fn report_text(report: &Report) -> String {
    serde_json::to_string(report).unwrap_or_default()
}

fn coded(code: ErrorCode, message: impl Into<String>) -> CodedError {
    napi::Error::new(code.as_str(), message.into())
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!(
        "the search for Python failed unexpectedly; this is a bug in symphony-python-bridge, please report it: `{words}`"
    )
}
