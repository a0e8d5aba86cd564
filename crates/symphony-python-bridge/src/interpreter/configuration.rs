//! Initialising CPython so that it is the interpreter that was asked for: its prefix, its venv, its flags.
//!
//! `PyConfig` is not part of the stable ABI and its layout changes with every version. But its functions take a
//! pointer, its initialiser fills it, and a command line sets everything that is needed; so a buffer larger than any
//! version's struct serves all of them.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use super::Info;
use super::environment::{self, SavedLocale};
use super::signals::SavedSignals;
use crate::{runtime, symbols};

/// Where a standard stream of Python goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamMode {
    /// To the process's own descriptor.
    Inherit,
    /// Nowhere.
    Ignore,
    /// To a JavaScript function.
    Callback,
}

/// What the interpreter is started with.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// What `sys.executable` is to be; a venv's own `python`.
    pub executable: String,
    /// The opened library, for [`Info`].
    pub libpython: Option<String>,
    /// Whether extension modules are opened with `RTLD_DEEPBIND`.
    #[serde(default)]
    pub deepbind: bool,
    /// Put in front of `sys.path`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// `sys.argv[1:]`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables set before Python reads them; they are the process's.
    #[serde(default)]
    pub env: std::collections::BTreeMap<String, String>,
    /// Executor threads for asynchronous calls.
    #[serde(default = "default_threads")]
    pub threads: usize,
    /// How long JavaScript's thread may be in one synchronous call while another thread waits for it, in milliseconds.
    #[serde(default = "default_callback_timeout")]
    pub callback_timeout: u64,
    /// Where `sys.stdout` goes.
    #[serde(default = "inherit")]
    pub stdout: StreamMode,
    /// Where `sys.stderr` goes.
    #[serde(default = "inherit")]
    pub stderr: StreamMode,
    /// Whether log records go to JavaScript.
    #[serde(default)]
    pub logging: Option<Logging>,
    /// Which asyncio loop `py-main` runs.
    #[serde(default, rename = "eventLoop")]
    pub event_loop: EventLoop,
    /// In a process of its own: what is imported before the first call.
    #[serde(default)]
    pub target: Option<Target>,
    /// In a process of its own: whether its orderly end waits for the calls under way.
    #[serde(default = "yes")]
    pub drains: bool,
}

/// An object that can be reached from a module.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// The module's dotted name.
    pub module: String,
    /// Names of attributes, one of the other.
    pub steps: Vec<String>,
}

/// Which records go to JavaScript.
#[derive(Clone, Debug, Deserialize)]
pub struct Logging {
    /// The root logger's level, if it is to be another one.
    pub level: Option<i32>,
    /// What `warnings` would print, too.
    pub warnings: bool,
    /// Exceptions that nobody catches, too.
    pub uncaught: bool,
}

/// A kind of asyncio loop.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum EventLoop {
    /// The one of the standard library.
    #[default]
    Asyncio,
    /// uvloop, if it is installed.
    Uvloop,
}

const fn default_threads() -> usize {
    4
}

const fn yes() -> bool {
    true
}

const fn default_callback_timeout() -> u64 {
    60_000
}

const fn inherit() -> StreamMode {
    StreamMode::Inherit
}

/// `PyStatus`, whose layout has been the same since it was introduced.
#[repr(C)]
struct Status {
    kind: c_int,
    function: *const c_char,
    message: *const c_char,
    exit_code: c_int,
}

/// Larger than `PyConfig` of any version (under 1 KiB so far), and aligned for its members.
#[repr(C, align(16))]
struct ConfigBuffer([u8; 8192]);

type InitConfig = unsafe extern "C" fn(*mut ConfigBuffer);
type SetBytesArgv = unsafe extern "C" fn(*mut ConfigBuffer, isize, *const *mut c_char) -> Status;
type InitializeFromConfig = unsafe extern "C" fn(*const ConfigBuffer) -> Status;

/// Initialises the interpreter on the calling thread, which becomes Python's main thread and stays attached.
pub(super) fn initialise(settings: &Settings, text: String) -> Result<Info, String> {
    let signals = SavedSignals::take();
    let locale = SavedLocale::take();
    environment::show_to_deep_bound();
    initialise_core(settings)?;
    drop(locale);
    drop(signals);
    // SAFETY: initialisation succeeded on this thread, which attached it.
    let py = unsafe { Python::assume_attached() };
    finish(py, settings, text).map_err(|error| {
        let message = error.to_string();
        error.print(py);
        message
    })
}

fn initialise_core(settings: &Settings) -> Result<(), String> {
    // `-S`: site runs later, once extension modules are opened with the right flags. The rest of the command line
    // does not matter, as nothing runs `-c`; it keeps Python from taking the arguments for options of its own.
    let arguments = [settings.executable.as_str(), "-S", "-c", ""]
        .map(|argument| CString::new(argument).map_err(|_| format!("`{argument}` contains a NUL character")));
    let mut owned = Vec::with_capacity(arguments.len());
    for argument in arguments {
        owned.push(argument?);
    }
    let pointers: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();

    let init_config = function(c"PyConfig_InitPythonConfig")?;
    // SAFETY: the documented signature of the function.
    let init_config = unsafe { std::mem::transmute::<*mut c_void, InitConfig>(init_config) };
    let set_argv = function(c"PyConfig_SetBytesArgv")?;
    // SAFETY: as above.
    let set_argv = unsafe { std::mem::transmute::<*mut c_void, SetBytesArgv>(set_argv) };
    let initialize = function(c"Py_InitializeFromConfig")?;
    // SAFETY: as above.
    let initialize = unsafe { std::mem::transmute::<*mut c_void, InitializeFromConfig>(initialize) };
    let clear = function(c"PyConfig_Clear")?;
    // SAFETY: as above.
    let clear = unsafe { std::mem::transmute::<*mut c_void, InitConfig>(clear) };

    let mut buffer = Box::new(ConfigBuffer([0; 8192]));
    let config: *mut ConfigBuffer = &raw mut *buffer;
    // SAFETY: the buffer is large enough for every version's struct and zeroed.
    unsafe { init_config(config) };
    let count = isize::try_from(pointers.len()).unwrap_or(isize::MAX);
    // SAFETY: `count` valid C strings that outlive the call, which copies them.
    let mut status = unsafe { set_argv(config, count, pointers.as_ptr()) };
    if status.kind == 0 {
        // SAFETY: an initialised configuration; no interpreter exists (`start` runs once).
        status = unsafe { initialize(config) };
    }
    // SAFETY: an initialised configuration that nothing uses any more.
    unsafe { clear(config) };
    status.into_result()
}

impl Status {
    fn into_result(self) -> Result<(), String> {
        let text = |pointer: *const c_char| {
            (!pointer.is_null()).then(|| {
                // SAFETY: Python gives static C strings here.
                unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
            })
        };
        match self.kind {
            0 => Ok(()),
            2 => Err(format!("it wants to exit with code {}", self.exit_code)),
            _ => Err(match (text(self.function), text(self.message)) {
                (Some(function), Some(message)) => format!("{function}: {message}"),
                (_, message) => message.unwrap_or_else(|| "unknown error".to_owned()),
            }),
        }
    }
}

fn function(name: &CStr) -> Result<*mut c_void, String> {
    symbols::find(name).ok_or_else(|| format!("libpython has no function `{}`", name.to_string_lossy()))
}

/// Everything from the bare core to a usable interpreter, in the order that matters.
fn finish(py: Python<'_>, settings: &Settings, text: String) -> PyResult<Info> {
    let sys = py.import("sys")?;
    runtime::install(py)?;
    if settings.deepbind {
        sys.call_method1("setdlopenflags", (libc::RTLD_NOW | libc::RTLD_DEEPBIND,))?;
    }
    py.import("site")?.call_method0("main")?;
    clear_no_site(&sys)?;
    begin(py, settings, text)
}

/// What makes a usable interpreter of one that Python's own program started.
pub(super) fn prepare(py: Python<'_>, settings: &Settings, text: String) -> PyResult<Info> {
    runtime::install(py)?;
    begin(py, settings, text)
}

/// The settings that need a running interpreter.
fn begin(py: Python<'_>, settings: &Settings, text: String) -> PyResult<Info> {
    let sys = py.import("sys")?;
    runtime::function(py, runtime::Function::Begin)?.call1((settings_for_python(py, settings)?,))?;
    let version: String = sys.getattr("version")?.extract()?;
    Ok(Info {
        version: version.split_whitespace().next().unwrap_or_default().to_owned(),
        executable: sys.getattr("executable")?.extract()?,
        prefix: sys.getattr("prefix")?.extract()?,
        libpython: settings.libpython.clone(),
        config: text,
    })
}

/// Children of `multiprocessing` would inherit `-S` from `sys.flags` and miss the venv.
fn clear_no_site(sys: &Bound<'_, PyModule>) -> PyResult<()> {
    const NO_SITE: ffi::Py_ssize_t = 6;
    let flags = sys.getattr("flags")?;
    debug_assert_eq!(
        flags.get_item(6)?.extract::<i32>()?,
        flags.getattr("no_site")?.extract::<i32>()?
    );
    let zero = 0i32.into_pyobject(sys.py())?;
    // SAFETY: `sys.flags` is a struct sequence with more than seven items; the call takes over the reference.
    unsafe { ffi::PyStructSequence_SetItem(flags.as_ptr(), NO_SITE, zero.into_ptr()) };
    Ok(())
}

fn settings_for_python<'py>(py: Python<'py>, settings: &Settings) -> PyResult<Bound<'py, PyAny>> {
    let mode = |mode: StreamMode| match mode {
        StreamMode::Inherit => "inherit",
        StreamMode::Ignore => "ignore",
        StreamMode::Callback => "callback",
    };
    let values = pyo3::types::PyDict::new(py);
    values.set_item("paths", &settings.paths)?;
    values.set_item("args", &settings.args)?;
    values.set_item("stdout", mode(settings.stdout))?;
    values.set_item("stderr", mode(settings.stderr))?;
    let logging = match &settings.logging {
        None => None,
        Some(logging) => {
            let values = pyo3::types::PyDict::new(py);
            values.set_item("level", logging.level)?;
            values.set_item("warnings", logging.warnings)?;
            values.set_item("uncaught", logging.uncaught)?;
            Some(values)
        }
    };
    values.set_item("logging", logging)?;
    let event_loop = match settings.event_loop {
        EventLoop::Asyncio => "asyncio",
        EventLoop::Uvloop => "uvloop",
    };
    values.set_item("event_loop", event_loop)?;
    Ok(values.into_any())
}
