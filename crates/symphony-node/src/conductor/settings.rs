//! What JavaScript asks for, and what that is for the supervisor.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsString, c_void};
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use symphony_conductor::policy::{RestartPolicy, StopPlan};
use symphony_conductor::{Limits, Spec, Stdio, Variables};
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::subprocess::BOOTSTRAP;
use symphony_wire::ErrorCode;

const MIB: u64 = 1 << 20;

/// Without time for anything.
pub(super) fn at_once() -> StopPlan {
    stop_plan(Duration::ZERO, Duration::ZERO, Duration::ZERO)
}

/// How long each phase may take.
pub(crate) fn stop_plan(drain: Duration, terminate: Duration, abort: Duration) -> StopPlan {
    let mut plan = StopPlan::default();
    plan.drain = drain;
    plan.terminate = terminate;
    plan.abort = abort;
    plan
}

/// A `ConductorSpec` of `ts/native/conductor.ts`. Times are in milliseconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    size: u32,
    standby: u32,
    child: Child,
    output: Output,
    restart: Restart,
    health: Health,
    recycle: Recycle,
    stop: Stop,
    limits: Resources,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Child {
    executable: String,
    target: Option<Target>,
    paths: Vec<String>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: String,
    threads: u32,
    event_loop: String,
}

#[derive(Deserialize, Serialize)]
struct Target {
    module: String,
    steps: Vec<String>,
}

#[derive(Deserialize)]
struct Output {
    stdout: Mode,
    stderr: Mode,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Inherit,
    Ignore,
    Callback,
}

#[derive(Deserialize)]
struct Restart {
    policy: Policy,
    intensity: Window,
    backoff: Backoff,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Policy {
    Permanent,
    Transient,
    Temporary,
}

#[derive(Deserialize)]
struct Window {
    restarts: u32,
    within: u64,
}

#[derive(Deserialize)]
struct Backoff {
    first: u64,
    cap: u64,
    reset: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    startup_timeout: u64,
    native: Beat,
    gil: Beat,
    #[serde(rename = "loop")]
    event_loop: Beat,
}

#[derive(Deserialize)]
struct Beat {
    limit: u64,
}

#[derive(Deserialize)]
struct Recycle {
    #[serde(rename = "maxTasks")]
    tasks: Option<u64>,
    #[serde(rename = "maxRssMb")]
    rss_mb: Option<u64>,
    #[serde(rename = "maxAge")]
    age: Option<u64>,
}

#[derive(Deserialize)]
struct Stop {
    drain: u64,
    terminate: u64,
    abort: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resources {
    address_space_mb: Option<u64>,
    cpu_seconds: Option<u64>,
    open_files: Option<u64>,
    core_mb: Option<u64>,
    nice: i32,
    oom_score_adjust: i32,
    memory_max_mb: Option<u64>,
    cgroup: Option<PathBuf>,
}

impl Settings {
    pub(super) fn parse(text: &str) -> Result<Self, BridgeError> {
        serde_json::from_str(text).map_err(|error| {
            let message = format!("the specification of a Conductor does not parse: {error}");
            BridgeError::new(ErrorCode::InvalidArgument, message)
        })
    }

    /// The phases of a stop, the first of which may take so many milliseconds.
    pub(super) fn stop_plan(&self, drain: u64) -> StopPlan {
        stop_plan(
            milliseconds(drain),
            milliseconds(self.stop.terminate),
            milliseconds(self.stop.abort),
        )
    }

    pub(super) fn spec(&self) -> Result<Spec, BridgeError> {
        let mut spec = Spec::new(&self.child.executable);
        spec.args = self.arguments()?;
        spec.env = Variables::Inherit(
            self.child
                .env
                .iter()
                .map(|(name, value)| (name.into(), Some(value.into())))
                .collect(),
        );
        spec.cwd = Some(PathBuf::from(&self.child.cwd));
        spec.stdout = stdio(self.output.stdout);
        spec.stderr = stdio(self.output.stderr);
        spec.size = self.size;
        spec.standby = self.standby;
        spec.restart = match self.restart.policy {
            Policy::Permanent => RestartPolicy::Permanent,
            Policy::Transient => RestartPolicy::Transient,
            Policy::Temporary => RestartPolicy::Temporary,
        };
        spec.intensity.restarts = self.restart.intensity.restarts;
        spec.intensity.within = milliseconds(self.restart.intensity.within);
        // What is replaced, or did not start, ends by the same steps as what is stopped.
        spec.stop = self.stop_plan(self.stop.drain);
        spec.backoff.initial = milliseconds(self.restart.backoff.first);
        spec.backoff.cap = milliseconds(self.restart.backoff.cap);
        spec.backoff.reset_after = milliseconds(self.restart.backoff.reset);
        spec.startup_timeout = milliseconds(self.health.startup_timeout);
        spec.health.native = milliseconds(self.health.native.limit);
        spec.health.gil = milliseconds(self.health.gil.limit);
        spec.health.event_loop = milliseconds(self.health.event_loop.limit);
        spec.recycling.max_tasks = self.recycle.tasks;
        spec.recycling.max_rss = self.recycle.rss_mb.map(|mb| mb.saturating_mul(MIB));
        spec.recycling.max_age = self.recycle.age.map(milliseconds);
        let mut limits = Limits::default();
        limits.address_space = self.limits.address_space_mb.map(|mb| mb.saturating_mul(MIB));
        limits.cpu_time = self.limits.cpu_seconds.map(Duration::from_secs);
        limits.open_files = self.limits.open_files;
        limits.core_dump = self.limits.core_mb.map(|mb| mb.saturating_mul(MIB));
        limits.nice = self.limits.nice;
        limits.oom_score_adj = self.limits.oom_score_adjust;
        limits.memory_max = self.limits.memory_max_mb.map(|mb| mb.saturating_mul(MIB));
        limits.cgroup.clone_from(&self.limits.cgroup);
        spec.limits = limits;
        Ok(spec)
    }

    /// The command line of the interpreter.
    fn arguments(&self) -> Result<Vec<OsString>, BridgeError> {
        let Child {
            executable,
            target,
            paths,
            args,
            threads,
            event_loop,
            ..
        } = &self.child;
        let settings = json!({
            "executable": executable,
            "target": target,
            "paths": paths,
            "args": args,
            "threads": threads,
            "eventLoop": event_loop,
        });
        arguments(&settings.to_string())
    }
}

/// The arguments of an interpreter that is to serve calls: the bootstrap, with the path of this file and its settings.
pub(crate) fn arguments(settings: &str) -> Result<Vec<OsString>, BridgeError> {
    let core = own_path()?;
    Ok(vec![
        "-c".into(),
        BOOTSTRAP.into(),
        core.into_os_string(),
        settings.into(),
    ])
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn stdio(mode: Mode) -> Stdio {
    match mode {
        Mode::Inherit => Stdio::Inherit,
        // Kept for the report of its end in any case.
        Mode::Ignore | Mode::Callback => Stdio::Capture,
    }
}

/// The file that this code is in.
fn own_path() -> Result<PathBuf, BridgeError> {
    use std::os::unix::ffi::OsStrExt;

    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    let here = own_path as *const c_void;
    // SAFETY: an address of this library; the result is written.
    let found = unsafe { libc::dladdr(here, info.as_mut_ptr()) };
    // SAFETY: zeroed at first, and plain data.
    let info = unsafe { info.assume_init() };
    if found == 0 || info.dli_fname.is_null() {
        let message = "the path of the bridge's own core is not known";
        return Err(BridgeError::new(ErrorCode::PythonStart, message));
    }
    // SAFETY: a C string that lives as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
}
