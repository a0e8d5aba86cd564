// Generated from error-codes.json by scripts/generate-error-codes.mjs. Do not edit.

//! The error codes that Rust, Python and TypeScript share.

use core::fmt;
use core::str::FromStr;

/// Why an operation of the bridge failed. The text form is the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `ERR_PYTHON_EXCEPTION`: Python code raised an exception.
    ///
    /// What the caller may do: handle it as the Python exception it is: `type`, `args`, `frames` and `traceback` describe it.
    PythonException,
    /// `ERR_PYTHON_NOT_FOUND`: No Python interpreter was found in any of the places that were searched.
    ///
    /// What the caller may do: install Python 3.10 or newer, or name an interpreter with `python.start({ python })`; `npx symphony-python doctor` lists what was tried.
    PythonNotFound,
    /// `ERR_PYTHON_ALREADY_CHOSEN`: This process already runs a Python with other options; an interpreter cannot be exchanged.
    ///
    /// What the caller may do: call `python.start` once, before anything else uses Python, with the options that all users of the process need.
    PythonAlreadyChosen,
    /// `ERR_PYTHON_NOT_STARTED`: The operation needs a running interpreter and none has been started.
    ///
    /// What the caller may do: await `python.start()`, or import a module, first.
    PythonNotStarted,
    /// `ERR_PYTHON_START`: An interpreter was found and loaded but did not start.
    ///
    /// What the caller may do: read the message for Python's own words; `npx symphony-python doctor` repeats the start outside the program.
    PythonStart,
    /// `ERR_PYTHON_UNSUPPORTED`: The interpreter cannot be embedded: older than 3.10, free-threaded, 32-bit, or not CPython.
    ///
    /// What the caller may do: choose another interpreter with `python.start({ python })` or the `VIRTUAL_ENV` variable.
    PythonUnsupported,
    /// `ERR_LIBPYTHON_NOT_FOUND`: The interpreter has no shared libpython, so it cannot be embedded.
    ///
    /// What the caller may do: install the shared library (the message names the command) or choose an interpreter that was built with --enable-shared.
    LibpythonNotFound,
    /// `ERR_LIBPYTHON_LOAD`: The shared libpython exists but the system refused to load it.
    ///
    /// What the caller may do: read the linker's words in the message: a missing dependency or another architecture are the usual reasons.
    LibpythonLoad,
    /// `ERR_PLATFORM_UNSUPPORTED`: There is no native binary for this operating system, architecture and C library.
    ///
    /// What the caller may do: reinstall without `--omit=optional`, or build the native files from source on this platform.
    PlatformUnsupported,
    /// `ERR_CONVERSION`: A value cannot cross between JavaScript and Python without loss.
    ///
    /// What the caller may do: change the value at `path`, or use the option that the message names.
    Conversion,
    /// `ERR_ARROW_NOT_FOUND`: An Arrow table was asked for, and the npm package `apache-arrow` is not installed, or too old.
    ///
    /// What the caller may do: run `npm install apache-arrow`, or give the module as the option `arrow`.
    ArrowNotFound,
    /// `ERR_INVALID_ARGUMENT`: A function of this package was called with an argument it does not accept.
    ///
    /// What the caller may do: correct the call; the message says what was expected and what was got.
    InvalidArgument,
    /// `ERR_HANDLE_AS_DATA`: A Python handle was used where JavaScript expects plain data.
    ///
    /// What the caller may do: ask for a copy with `$value()`, or for one member with `$get(name)`.
    HandleAsData,
    /// `ERR_HANDLE_DISPOSED`: The Python handle was used after `$dispose()` or after the end of its `using` block, or a share had no handle left to adopt.
    ///
    /// What the caller may do: keep the handle until its last use; `$ref()` gives an independent one; share once for each adoption.
    HandleDisposed,
    /// `ERR_CLOSED`: The interpreter, session or host has been stopped.
    ///
    /// What the caller may do: do not use it after `stop` or `close`; a stopped interpreter cannot be started again in the same process.
    Closed,
    /// `ERR_CANCELLED`: The call was cancelled by its AbortSignal.
    ///
    /// What the caller may do: nothing, if the cancellation was intended; `cause` is the reason of the signal.
    Cancelled,
    /// `ERR_TIMEOUT`: The call did not finish within its `timeout`.
    ///
    /// What the caller may do: allow more time, or make the work smaller; `callState` says whether it still runs in Python.
    Timeout,
    /// `ERR_WORKER_LOST`: The supervised Python process that was to do this, or to which the handle belongs, has ended.
    ///
    /// What the caller may do: `started` says whether the call had begun, and `exit` why the process ended; mark calls that may be repeated as `idempotent`, and import again for new handles.
    WorkerLost,
    /// `ERR_WORKER_START`: A supervised Python process did not become ready.
    ///
    /// What the caller may do: read the message and `exit`, which has the last lines of its stderr: an import that fails and a missing interpreter are the usual reasons.
    WorkerStart,
    /// `ERR_CONDUCTOR_DOWN`: The supervised Python processes died too often in a short time, and are not started again.
    ///
    /// What the caller may do: find out why they die (`exit` describes the last one), then call `reset()`, or start another Conductor or pool.
    ConductorDown,
    /// `ERR_TASK_QUARANTINED`: The call was under way in several processes that died, so it is taken for the cause and not repeated.
    ///
    /// What the caller may do: look at the arguments of this call: something about them crashes Python; `exit` describes the last process.
    TaskQuarantined,
    /// `ERR_QUEUE_FULL`: As many calls as allowed already wait for a worker.
    ///
    /// What the caller may do: call again when some have settled, make fewer at a time (`map` does), or allow more with `queue: { limit }`.
    QueueFull,
    /// `ERR_PROTOCOL`: The two halves of the bridge disagree about the bytes between them; this is a bug in symphony-python-bridge.
    ///
    /// What the caller may do: make sure that the package and its native files have the same version, then report the bug with the message.
    Protocol,
    /// `ERR_BRIDGE_PANIC`: The native core of the bridge failed unexpectedly; this is a bug in symphony-python-bridge.
    ///
    /// What the caller may do: report the bug with the message; the process may go on, but what the failed operation did is unknown.
    BridgePanic,
}

impl ErrorCode {
    /// Every code, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::PythonException,
        Self::PythonNotFound,
        Self::PythonAlreadyChosen,
        Self::PythonNotStarted,
        Self::PythonStart,
        Self::PythonUnsupported,
        Self::LibpythonNotFound,
        Self::LibpythonLoad,
        Self::PlatformUnsupported,
        Self::Conversion,
        Self::ArrowNotFound,
        Self::InvalidArgument,
        Self::HandleAsData,
        Self::HandleDisposed,
        Self::Closed,
        Self::Cancelled,
        Self::Timeout,
        Self::WorkerLost,
        Self::WorkerStart,
        Self::ConductorDown,
        Self::TaskQuarantined,
        Self::QueueFull,
        Self::Protocol,
        Self::BridgePanic,
    ];

    /// The text form, such as `ERR_CONVERSION`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PythonException => "ERR_PYTHON_EXCEPTION",
            Self::PythonNotFound => "ERR_PYTHON_NOT_FOUND",
            Self::PythonAlreadyChosen => "ERR_PYTHON_ALREADY_CHOSEN",
            Self::PythonNotStarted => "ERR_PYTHON_NOT_STARTED",
            Self::PythonStart => "ERR_PYTHON_START",
            Self::PythonUnsupported => "ERR_PYTHON_UNSUPPORTED",
            Self::LibpythonNotFound => "ERR_LIBPYTHON_NOT_FOUND",
            Self::LibpythonLoad => "ERR_LIBPYTHON_LOAD",
            Self::PlatformUnsupported => "ERR_PLATFORM_UNSUPPORTED",
            Self::Conversion => "ERR_CONVERSION",
            Self::ArrowNotFound => "ERR_ARROW_NOT_FOUND",
            Self::InvalidArgument => "ERR_INVALID_ARGUMENT",
            Self::HandleAsData => "ERR_HANDLE_AS_DATA",
            Self::HandleDisposed => "ERR_HANDLE_DISPOSED",
            Self::Closed => "ERR_CLOSED",
            Self::Cancelled => "ERR_CANCELLED",
            Self::Timeout => "ERR_TIMEOUT",
            Self::WorkerLost => "ERR_WORKER_LOST",
            Self::WorkerStart => "ERR_WORKER_START",
            Self::ConductorDown => "ERR_CONDUCTOR_DOWN",
            Self::TaskQuarantined => "ERR_TASK_QUARANTINED",
            Self::QueueFull => "ERR_QUEUE_FULL",
            Self::Protocol => "ERR_PROTOCOL",
            Self::BridgePanic => "ERR_BRIDGE_PANIC",
        }
    }

    /// What happened, in one sentence without a final stop.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::PythonException => "Python code raised an exception",
            Self::PythonNotFound => "No Python interpreter was found in any of the places that were searched",
            Self::PythonAlreadyChosen => {
                "This process already runs a Python with other options; an interpreter cannot be exchanged"
            }
            Self::PythonNotStarted => "The operation needs a running interpreter and none has been started",
            Self::PythonStart => "An interpreter was found and loaded but did not start",
            Self::PythonUnsupported => {
                "The interpreter cannot be embedded: older than 3.10, free-threaded, 32-bit, or not CPython"
            }
            Self::LibpythonNotFound => "The interpreter has no shared libpython, so it cannot be embedded",
            Self::LibpythonLoad => "The shared libpython exists but the system refused to load it",
            Self::PlatformUnsupported => {
                "There is no native binary for this operating system, architecture and C library"
            }
            Self::Conversion => "A value cannot cross between JavaScript and Python without loss",
            Self::ArrowNotFound => {
                "An Arrow table was asked for, and the npm package `apache-arrow` is not installed, or too old"
            }
            Self::InvalidArgument => "A function of this package was called with an argument it does not accept",
            Self::HandleAsData => "A Python handle was used where JavaScript expects plain data",
            Self::HandleDisposed => {
                "The Python handle was used after `$dispose()` or after the end of its `using` block, or a share had no handle left to adopt"
            }
            Self::Closed => "The interpreter, session or host has been stopped",
            Self::Cancelled => "The call was cancelled by its AbortSignal",
            Self::Timeout => "The call did not finish within its `timeout`",
            Self::WorkerLost => {
                "The supervised Python process that was to do this, or to which the handle belongs, has ended"
            }
            Self::WorkerStart => "A supervised Python process did not become ready",
            Self::ConductorDown => {
                "The supervised Python processes died too often in a short time, and are not started again"
            }
            Self::TaskQuarantined => {
                "The call was under way in several processes that died, so it is taken for the cause and not repeated"
            }
            Self::QueueFull => "As many calls as allowed already wait for a worker",
            Self::Protocol => {
                "The two halves of the bridge disagree about the bytes between them; this is a bug in symphony-python-bridge"
            }
            Self::BridgePanic => {
                "The native core of the bridge failed unexpectedly; this is a bug in symphony-python-bridge"
            }
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text was not one of the codes of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownErrorCode;

impl fmt::Display for UnknownErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an error code of this version of symphony-python-bridge")
    }
}

impl core::error::Error for UnknownErrorCode {}

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ERR_PYTHON_EXCEPTION" => Ok(Self::PythonException),
            "ERR_PYTHON_NOT_FOUND" => Ok(Self::PythonNotFound),
            "ERR_PYTHON_ALREADY_CHOSEN" => Ok(Self::PythonAlreadyChosen),
            "ERR_PYTHON_NOT_STARTED" => Ok(Self::PythonNotStarted),
            "ERR_PYTHON_START" => Ok(Self::PythonStart),
            "ERR_PYTHON_UNSUPPORTED" => Ok(Self::PythonUnsupported),
            "ERR_LIBPYTHON_NOT_FOUND" => Ok(Self::LibpythonNotFound),
            "ERR_LIBPYTHON_LOAD" => Ok(Self::LibpythonLoad),
            "ERR_PLATFORM_UNSUPPORTED" => Ok(Self::PlatformUnsupported),
            "ERR_CONVERSION" => Ok(Self::Conversion),
            "ERR_ARROW_NOT_FOUND" => Ok(Self::ArrowNotFound),
            "ERR_INVALID_ARGUMENT" => Ok(Self::InvalidArgument),
            "ERR_HANDLE_AS_DATA" => Ok(Self::HandleAsData),
            "ERR_HANDLE_DISPOSED" => Ok(Self::HandleDisposed),
            "ERR_CLOSED" => Ok(Self::Closed),
            "ERR_CANCELLED" => Ok(Self::Cancelled),
            "ERR_TIMEOUT" => Ok(Self::Timeout),
            "ERR_WORKER_LOST" => Ok(Self::WorkerLost),
            "ERR_WORKER_START" => Ok(Self::WorkerStart),
            "ERR_CONDUCTOR_DOWN" => Ok(Self::ConductorDown),
            "ERR_TASK_QUARANTINED" => Ok(Self::TaskQuarantined),
            "ERR_QUEUE_FULL" => Ok(Self::QueueFull),
            "ERR_PROTOCOL" => Ok(Self::Protocol),
            "ERR_BRIDGE_PANIC" => Ok(Self::BridgePanic),
            _ => Err(UnknownErrorCode),
        }
    }
}
