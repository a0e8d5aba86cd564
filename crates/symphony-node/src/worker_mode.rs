//! Worker mode: `python` is a process of its own, because its interpreter cannot run in this one. There is one, for all environments of this
//! process, each of which has a connection to it.

use std::os::fd::IntoRawFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::sys;
use serde::Deserialize;
use symphony_conductor::policy::RestartPolicy;
use symphony_conductor::{Conductor, Environment, Spec, Stdio, Variables, Worker};
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::ErrorCode;

use crate::conductor::{self, exit_report};
use crate::exports::{Background, plain, problem};
use crate::js::{self, UNDEFINED, Value};

/// The process, if there is one.
static WORKER: Mutex<State> = Mutex::new(State::None);
static CHANGED: Condvar = Condvar::new();

#[derive(Default)]
enum State {
    #[default]
    None,
    Starting,
    Running {
        conductor: Conductor,
        worker: Worker,
        /// What it was started with.
        config: String,
        /// The program has ended it.
        is_stopped: bool,
    },
}

/// What of a `CoreConfig` is the business of whoever starts the process.
#[derive(Deserialize)]
struct Config {
    executable: String,
    env: std::collections::BTreeMap<String, String>,
}

/// Starts the process, unless another environment has; gives what it was started with.
fn start(config: String) -> Result<String, BridgeError> {
    let mut state = lock();
    loop {
        match &*state {
            State::Running { config, .. } => return Ok(config.clone()),
            State::Starting => state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner),
            State::None => break,
        }
    }
    *state = State::Starting;
    drop(state);
    let started = launch(&config);
    let mut state = lock();
    let outcome = started.map(|(conductor, worker)| {
        let config = config.clone();
        *state = State::Running {
            conductor,
            worker,
            config,
            is_stopped: false,
        };
    });
    if outcome.is_err() {
        *state = State::None;
    }
    drop(state);
    CHANGED.notify_all();
    outcome.map(|()| config)
}

fn launch(config: &str) -> Result<(Conductor, Worker), BridgeError> {
    let failed = |message: String| BridgeError::new(ErrorCode::PythonStart, message);
    let parsed: Config =
        serde_json::from_str(config).map_err(|error| failed(format!("the configuration does not parse: {error}")))?;
    let mut spec = Spec::new(&parsed.executable);
    spec.args = conductor::arguments(config)?;
    let variables = parsed.env.iter();
    spec.env = Variables::Inherit(
        variables
            .map(|(name, value)| (name.into(), Some(value.into())))
            .collect(),
    );
    spec.stdout = Stdio::Inherit;
    spec.stderr = Stdio::Inherit;
    spec.size = 1;
    // Its handles and its state would be gone, which only the program can make good.
    spec.restart = RestartPolicy::Temporary;
    // A program that somebody debugs may stand still.
    spec.health.kill_unresponsive = None;
    let conductor = Conductor::start(spec, Environment::default()).map_err(|error| failed(error.to_string()))?;
    let worker = conductor.workers().into_iter().next();
    let worker = worker.ok_or_else(|| failed("the process ended at once".to_owned()))?;
    Ok((conductor, worker))
}

/// Ends the process, the calls under way in it first, in so much time at most.
fn stop(limit: Duration) {
    let conductor = match &mut *lock() {
        State::Running {
            conductor, is_stopped, ..
        } => {
            *is_stopped = true;
            conductor.clone()
        }
        _ => return,
    };
    // This is not the supervisor's thread, which alone may not wait.
    let _stopped = conductor.stop_with(conductor::stop_plan(
        limit.mul_f32(0.7),
        limit.mul_f32(0.2),
        limit.mul_f32(0.1),
    ));
}

fn lock() -> MutexGuard<'static, State> {
    WORKER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `startWorker(config): string`
pub(crate) unsafe extern "C" fn start_worker(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |arguments| Ok(js::string(env, &start(arguments.text(0)?)?)))
}

/// `startWorkerAsync(config, (problem) => void)`
pub(crate) unsafe extern "C" fn start_worker_async(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |arguments| {
        let config = arguments.text(0)?;
        Background::run(env, arguments.values[1], move || {
            start(config).err().as_ref().map(problem)
        });
        Ok(UNDEFINED)
    })
}

/// `worker(): string | null`: what the process was started with, if there is one.
pub(crate) unsafe extern "C" fn worker(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |_| {
        Ok(match &*lock() {
            State::Running { config, .. } => js::string(env, config),
            _ => js::null(env),
        })
    })
}

/// `connectWorker(): number`: the descriptor of a new connection.
pub(crate) unsafe extern "C" fn connect_worker(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |_| {
        let lost = |message: String| BridgeError::new(ErrorCode::WorkerLost, message);
        let State::Running { worker, .. } = &*lock() else {
            return Err(lost("there is no process of Python's".to_owned()));
        };
        let socket = worker.connect().map_err(|error| lost(error.to_string()))?;
        Ok(js::number(env, socket.into_raw_fd().cast_unsigned()))
    })
}

/// `workerExit(): string | null`: how the process ended, as the `ExitReport` in JSON, once that is known.
pub(crate) unsafe extern "C" fn worker_exit(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |_| {
        let exit = match &*lock() {
            State::Running { worker, .. } => worker.exit(),
            _ => None,
        };
        Ok(match exit {
            Some(exit) => js::string(env, &exit_report(&exit).to_string()),
            None => js::null(env),
        })
    })
}

/// `workerIsStopped(): boolean`: whether it is the program that ended the process, or is about to.
pub(crate) unsafe extern "C" fn worker_is_stopped(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<0>(env, info, |_| {
        let is_stopped = matches!(&*lock(), State::Running { is_stopped: true, .. });
        Ok(js::boolean(env, is_stopped))
    })
}

/// `stopWorker(milliseconds): void`: waits for the end.
pub(crate) unsafe extern "C" fn stop_worker(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |arguments| {
        stop(Duration::from_millis(arguments.u32(0).into()));
        Ok(UNDEFINED)
    })
}

/// `stopWorkerAsync(milliseconds, () => void)`
pub(crate) unsafe extern "C" fn stop_worker_async(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |arguments| {
        let limit = Duration::from_millis(arguments.u32(0).into());
        Background::run(env, arguments.values[1], move || {
            stop(limit);
            None
        });
        Ok(UNDEFINED)
    })
}
