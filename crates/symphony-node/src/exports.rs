//! The members of the native module: the interpreter's life, and `attach`.

use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use napi::sys;
use serde_json::json;
use symphony_python_bridge::bindings::VERSION;
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::interpreter::{self, State};
use symphony_python_bridge::kinds::PROBED_NAMES;
use symphony_python_bridge::symbols::is_real_python;
use symphony_wire::ErrorCode;

use crate::js::{self, Arguments, Callback, UNDEFINED, Value};
use crate::port::{Listeners, Port};
use crate::port_functions;
use crate::{block_buffers, conductor, connection, worker_mode};

/// Defines the members.
pub(crate) fn define(env: sys::napi_env, exports: Value) {
    js::set(env, exports, "version", js::string(env, VERSION));
    js::set(env, exports, "embedded", js::boolean(env, is_real_python()));
    js::set(env, exports, "isMainThread", js::boolean(env, is_main_thread()));
    let mut names = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_create_array(env, &raw mut names) };
    for (index, name) in (0..).zip(PROBED_NAMES) {
        // SAFETY: the array made above and a string of the same environment.
        unsafe { sys::napi_set_element(env, names, index, js::string(env, name)) };
    }
    js::set(env, exports, "probedNames", names);
    let functions: [(&str, Callback); 19] = [
        ("attach", attach),
        ("newMemory", block_buffers::new_memory),
        ("openConnection", connection::open),
        ("startConductor", conductor::start),
        ("startWorker", worker_mode::start_worker),
        ("startWorkerAsync", worker_mode::start_worker_async),
        ("worker", worker_mode::worker),
        ("connectWorker", worker_mode::connect_worker),
        ("workerExit", worker_mode::worker_exit),
        ("workerIsStopped", worker_mode::worker_is_stopped),
        ("stopWorker", worker_mode::stop_worker),
        ("stopWorkerAsync", worker_mode::stop_worker_async),
        ("initialize", initialize),
        ("initializeAsync", initialize_async),
        ("state", state),
        ("info", info),
        ("shutdown", shutdown),
        ("shutdownAsync", shutdown_async),
        ("exitWithin", exit_within),
    ];
    for (name, callback) in functions {
        js::define(env, exports, name, callback, ptr::null_mut());
    }
}

/// Asked here because the module that tells JavaScript takes as long to load as all of this package.
pub(crate) fn is_main_thread() -> bool {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: always succeeds.
        let thread = unsafe { libc::gettid() };
        thread.cast_unsigned() == std::process::id()
    }
    #[cfg(target_vendor = "apple")]
    {
        // SAFETY: always succeeds.
        unsafe { libc::pthread_main_np() == 1 }
    }
}

pub(crate) fn plain<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Arguments<N>) -> Result<Value, BridgeError>,
) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<N>::new(env);
        arguments.read(info);
        body(&arguments)
    })
}

unsafe extern "C" fn attach(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<7>(env, info, |arguments| {
        let [mailbox, completions, output, question, forgotten, logged, call] = arguments.values;
        let listeners = Listeners {
            completions: js::reference(env, completions),
            output: js::reference(env, output),
            question: js::reference(env, question),
            forgotten: js::reference(env, forgotten),
            logged: js::reference(env, logged),
            call: js::reference(env, call),
        };
        let port = Port::leak(env, mailbox, listeners)?;
        let mut object = ptr::null_mut();
        // SAFETY: writes the result only.
        unsafe { sys::napi_create_object(env, &raw mut object) };
        port_functions::define(env, object, port);
        Ok(object)
    })
}

unsafe extern "C" fn initialize(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |arguments| {
        start(&arguments.text(0)?)?;
        Ok(UNDEFINED)
    })
}

fn start(settings: &str) -> Result<(), BridgeError> {
    if !is_real_python() {
        return Err(BridgeError::new(
            ErrorCode::PythonStart,
            "no Python is embedded: the stub library is loaded",
        ));
    }
    interpreter::start(settings)
}

unsafe extern "C" fn initialize_async(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |arguments| {
        let settings = arguments.text(0)?;
        Background::run(env, arguments.values[1], move || {
            start(&settings).err().as_ref().map(problem)
        });
        Ok(UNDEFINED)
    })
}

/// An error as a callback gets it.
pub(crate) fn problem(error: &BridgeError) -> serde_json::Value {
    json!({ "code": error.code().as_str(), "message": error.message() })
}

unsafe extern "C" fn state(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |_| {
        Ok(js::string(
            env,
            match interpreter::state() {
                State::Idle => "idle",
                State::Starting => "starting",
                State::Running => "running",
                State::Closed => "closed",
                State::Failed => "failed",
            },
        ))
    })
}

unsafe extern "C" fn info(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |_| {
        let info = interpreter::info().ok_or_else(interpreter::refusal)?;
        let text =
            serde_json::to_string(info).map_err(|error| BridgeError::new(ErrorCode::Protocol, error.to_string()))?;
        Ok(js::string(env, &text))
    })
}

unsafe extern "C" fn shutdown(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |arguments| {
        interpreter::shutdown(Duration::from_millis(arguments.u32(0).into()));
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn shutdown_async(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |arguments| {
        let limit = Duration::from_millis(arguments.u32(0).into());
        Background::run(env, arguments.values[1], move || {
            interpreter::shutdown(limit);
            None
        });
        Ok(UNDEFINED)
    })
}

unsafe extern "C" fn exit_within(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |arguments| {
        let limit = Duration::from_millis(arguments.u32(0).into());
        interpreter::exit_within(limit, arguments.u32(1).cast_signed());
        Ok(UNDEFINED)
    })
}

/// Work on a thread of its own, with a JavaScript callback at its end. For the few things that happen once a process.
pub(crate) struct Background {
    work: Option<Box<dyn FnOnce() -> Option<serde_json::Value> + Send>>,
    outcome: Option<serde_json::Value>,
    callback: sys::napi_ref,
    handle: sys::napi_async_work,
}

impl Background {
    pub(crate) fn run(
        env: sys::napi_env,
        callback: Value,
        work: impl FnOnce() -> Option<serde_json::Value> + Send + 'static,
    ) {
        let background = Box::into_raw(Box::new(Self {
            work: Some(Box::new(work)),
            outcome: None,
            callback: js::reference(env, callback),
            handle: ptr::null_mut(),
        }));
        let name = js::string(env, "symphony-python-bridge");
        let mut handle = ptr::null_mut();
        // SAFETY: the box lives until `completed` frees it, and its address does not change.
        unsafe {
            sys::napi_create_async_work(
                env,
                ptr::null_mut(),
                name,
                Some(execute),
                Some(completed),
                background.cast(),
                &raw mut handle,
            );
        }
        // SAFETY: the box made above; the work was not queued yet, so nobody else looks at it.
        unsafe { (*background).handle = handle };
        // SAFETY: the work made above.
        unsafe { sys::napi_queue_async_work(env, handle) };
    }
}

unsafe extern "C" fn execute(_env: sys::napi_env, data: *mut c_void) {
    // SAFETY: the box of `run`, which only this thread touches until it is done.
    let background = unsafe { &mut *data.cast::<Background>() };
    if let Some(work) = background.work.take() {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        background.outcome = result.unwrap_or_else(|panic| Some(problem(&BridgeError::from_panic(panic.as_ref()))));
    }
}

unsafe extern "C" fn completed(env: sys::napi_env, _status: sys::napi_status, data: *mut c_void) {
    // SAFETY: the box of `run`; this is called once, after `execute`.
    let background = unsafe { Box::from_raw(data.cast::<Background>()) };
    js::scope(env, || {
        let problem = match &background.outcome {
            Some(problem) => js::string(env, &problem.to_string()),
            None => js::null(env),
        };
        js::call(env, js::referenced(env, background.callback), &[problem]);
    });
    // SAFETY: a reference of this environment, deleted once.
    unsafe { sys::napi_delete_reference(env, background.callback) };
    // SAFETY: the completed work, deleted once.
    unsafe { sys::napi_delete_async_work(env, background.handle) };
}
