//! What a Conductor says about itself when it is asked.

#[cfg(unix)]
mod reading;

use std::sync::Arc;
use std::time::Duration;

use crate::exit::{ExitReport, TaskRecord};
use crate::group::WorkerId;
use crate::lifecycle::State;
use crate::metrics::Metric;
use crate::policy::HealthLevel;

/// How a Conductor is, at the time of the question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The state of the whole: that of its best worker in service.
    pub state: State,
    /// Its workers, by number.
    pub workers: Vec<WorkerStatus>,
    /// The calls that wait and run, as whoever sends them has reported it.
    pub queue: QueueFigures,
    /// The last ends of its workers, the newest last; at most 8.
    pub last_exits: Vec<Arc<ExitReport>>,
    /// Counters and histograms.
    pub metrics: Vec<Metric>,
}

/// How a worker is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its number.
    pub id: WorkerId,
    /// Which process of the group it has; no two have the same.
    pub generation: Option<u64>,
    /// What it does.
    pub state: State,
    /// Whether it is a spare.
    pub spare: bool,
    /// The number of its process, if there is one.
    pub pid: Option<u32>,
    /// How long there has been this process.
    pub uptime: Option<Duration>,
    /// How often it was started after the first time.
    pub restarts: u32,
    /// How long until it is started again.
    pub restart_in: Option<Duration>,
    /// How it is now.
    pub health: HealthLevel,
    /// Its resident memory in bytes, where that is known.
    pub rss: Option<u64>,
    /// Processor time that its process has used, where that is known: in its own code and in the kernel.
    pub cpu_time: Option<(Duration, Duration)>,
    /// The threads of its process, where that is known.
    pub threads: Option<u64>,
    /// The open descriptors of its process, where that is known.
    pub open_files: Option<u64>,
    /// What it has been doing for the longest time.
    pub task: Option<TaskRecord>,
    /// Tasks that its process has finished.
    pub tasks_ended: u64,
}

/// The calls of a Conductor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueFigures {
    /// Calls that wait.
    pub pending: u64,
    /// Calls that run.
    pub running: u64,
    /// How long the oldest has been waiting.
    pub oldest: Option<Duration>,
}
