//! Events and reports of the supervisor as JSON: the types of `ts/native/conductor.ts` and `ts/types/conductor.ts`.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use symphony_conductor::{
    BOUNDS, Event, EventKind, ExitReport, Histogram, Metric, MetricValue, State, Status, Stream, TaskRecord,
    WorkerStatus,
};

/// An event; `None` for one that JavaScript has no use for.
pub(super) fn event(event: &Event) -> Option<Value> {
    let mut value = match &event.kind {
        EventKind::Started { .. } => json!({ "type": "started" }),
        EventKind::Restarted { attempt, .. } => json!({ "type": "restarted", "attempt": attempt }),
        EventKind::Promoted => json!({ "type": "promoted" }),
        EventKind::Recycling { .. } => json!({ "type": "replaced" }),
        EventKind::Stopped { exit: report } => json!({ "type": "stopped", "exit": exit(report) }),
        EventKind::Died {
            exit: report,
            error,
            restart_in,
        } => json!({
            "type": "died",
            "exit": report.as_deref().map(exit),
            "error": error,
            "restartIn": restart_in.map(milliseconds),
        }),
        EventKind::RestartFailed {
            exit: report,
            error,
            restart_in,
        } => json!({
            "type": "restartFailed",
            "problem": {
                "code": "ERR_PYTHON_START",
                "message": error.clone().unwrap_or_else(|| report.as_deref().map_or_else(String::new, summary)),
                "exit": report.as_deref().map(exit),
            },
            "restartIn": restart_in.map(milliseconds),
        }),
        EventKind::GivenUp { last_exits } => {
            let exits: Vec<Value> = last_exits.iter().map(|report| exit(report)).collect();
            json!({ "type": "crashLoop", "exits": exits })
        }
        EventKind::State { from, to, cause } => {
            json!({ "type": "changed", "from": state(*from), "to": state(*to), "reason": cause.name() })
        }
        EventKind::Health { from, to, task } => json!({
            "type": "health",
            "from": from.name(),
            "to": to.name(),
            "task": task.as_ref().map(|task| json!({ "name": task.name, "since": milliseconds(task.duration) })),
        }),
        EventKind::Line { stream, text, dropped } => {
            let stream = match stream {
                Stream::Stdout => 1,
                Stream::Stderr => 2,
            };
            json!({ "type": "printed", "stream": stream, "text": text, "dropped": dropped })
        }
        _ => return None,
    };
    let at = event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    value["at"] = json!(milliseconds(at));
    value["worker"] = json!(event.worker.0);
    value["pid"] = json!(event.pid);
    Some(value)
}

/// How a process ended.
pub(crate) fn exit(report: &ExitReport) -> Value {
    json!({
        "pid": report.pid,
        "code": report.code,
        "signal": report.signal.and_then(signal_name),
        "reason": report.reason.name(),
        "coreDumped": report.core_dumped,
        "uptime": milliseconds(report.uptime),
        "maxRssMb": report.max_rss >> 20,
        "userTime": milliseconds(report.user_time),
        "systemTime": milliseconds(report.system_time),
        "lastTasks": report.last_tasks.iter().map(last_task).collect::<Vec<_>>(),
        "stderrTail": report.stderr_tail,
        "stdoutTail": report.stdout_tail,
        "traceback": report
            .python_traceback
            .as_deref()
            .or_else(|| report.boot_error.as_ref().map(|error| error.text.as_str())),
        "summary": report.summary(),
    })
}

fn last_task(task: &TaskRecord) -> Value {
    json!({ "name": task.name, "duration": milliseconds(task.duration), "running": task.running })
}

fn summary(report: &ExitReport) -> String {
    match &report.boot_error {
        Some(error) => format!("{}\n{}", report.summary(), error.text.trim_end()),
        None => report.summary(),
    }
}

/// How all of it is.
pub(super) fn status(status: &Status) -> Value {
    let workers: Vec<Value> = status
        .workers
        .iter()
        .map(|one| {
            let last = status
                .last_exits
                .iter()
                .rev()
                .find(|report| one.pid != Some(report.pid));
            worker(one, last.map(AsRef::as_ref))
        })
        .collect();
    let metrics: Vec<Value> = status.metrics.iter().map(metric).collect();
    json!({ "state": state(status.state), "workers": workers, "metrics": metrics })
}

fn metric(metric: &Metric) -> Value {
    let attributes: serde_json::Map<_, _> = metric
        .attribute
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let mut value = match &metric.value {
        MetricValue::Counter(count) => json!({ "kind": "counter", "value": count }),
        MetricValue::Gauge(reading) => json!({ "kind": "gauge", "value": reading }),
        MetricValue::Histogram(Histogram { count, sum, buckets }) => {
            json!({ "kind": "histogram", "count": count, "sum": sum, "bounds": BOUNDS, "counts": buckets })
        }
    };
    value["name"] = json!(metric.name);
    value["unit"] = json!(metric.unit);
    value["attributes"] = Value::Object(attributes);
    value
}

fn worker(worker: &WorkerStatus, last_exit: Option<&ExitReport>) -> Value {
    json!({
        "worker": worker.id.0,
        "state": state(worker.state),
        "spare": worker.spare,
        "pid": worker.pid,
        "uptime": worker.uptime.map_or(0.0, milliseconds),
        "restarts": worker.restarts,
        "health": worker.health.name(),
        "rssMb": worker.rss.map(|bytes| bytes >> 20),
        "task": worker
            .task
            .as_ref()
            .map(|task| json!({ "name": task.name, "since": milliseconds(task.duration) })),
        "done": worker.tasks_ended,
        "lastExit": last_exit.map(exit),
    })
}

fn state(state: State) -> &'static str {
    match state {
        State::CrashLoop => "crashLoop",
        other => other.name(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The name that Node has for a signal.
fn signal_name(signal: i32) -> Option<&'static str> {
    const NAMES: [(i32, &str); 20] = [
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGXCPU, "SIGXCPU"),
        (libc::SIGXFSZ, "SIGXFSZ"),
        (libc::SIGVTALRM, "SIGVTALRM"),
        (libc::SIGPROF, "SIGPROF"),
        (libc::SIGSYS, "SIGSYS"),
    ];
    NAMES
        .into_iter()
        .find(|(number, _)| *number == signal)
        .map(|(_, name)| name)
}
