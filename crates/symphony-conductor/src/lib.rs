//! Child processes that serve calls: started, watched, restarted, replaced and stopped.
//!
//! A [`Conductor`] is a supervised group of workers, each a process that runs the same program. This crate carries no call:
//! it hands out connected sockets ([`Worker::connect`]) and says what becomes of the processes behind them ([`Event`]). The
//! child's side is [`child::Child`]. `docs/internal/supervision.md` describes what passes between the two.
//!
//! ```no_run
//! use symphony_conductor::{Conductor, ConductorPort, Environment, Spec};
//!
//! let mut spec = Spec::new("python3");
//! spec.args = vec!["-m".into(), "my_worker".into()];
//! let conductor = Conductor::start(spec, Environment::default())?;
//! let socket = conductor.workers()[0].connect()?;
//! // … calls over the socket …
//! conductor.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is decided where
//!
//! [`lifecycle`] says which state follows which, [`policy`] holds the rules, and [`group`] applies both to the workers of
//! one group; all three are pure: time and chance are arguments, and what is to be done is a list. The supervisor's thread
//! does it. There is one such thread for all Conductors of a process, and it lives as long as the process.
//!
//! # Guarantees
//!
//! * No child outlives its parent, however that ends: the kernel kills the process group of a child when the other end of
//!   its lifeline is closed (Linux), and a thread of the child's watches for the same.
//! * Only processes that were started here are waited for, by their number.
//! * Every process that ends is reported once, with a reason.
//! * What a child writes is always read, so it never blocks on a full pipe.
//!
//! Not guaranteed: that a dropped [`Conductor`] has stopped when `drop` returns; that a grandchild that has left the process
//! group ends; that a process the kernel cannot kill (it waits for a device) ends.
//!
//! On Windows only the pure parts exist.

#![cfg_attr(not(unix), expect(dead_code, reason = "nothing has processes there"))]

mod error;
mod event;
mod exit;
pub mod group;
pub mod lifecycle;
mod metrics;
mod output;
pub mod policy;
mod spec;
mod status;

#[cfg(unix)]
mod announcement;
#[cfg(unix)]
pub mod arena;
#[cfg(unix)]
mod cgroup;
#[cfg(unix)]
pub mod child;
#[cfg(unix)]
mod conductor;
#[cfg(unix)]
mod control;
#[cfg(unix)]
mod health_page;
#[cfg(unix)]
mod oom;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod spawn;
#[cfg(unix)]
mod supervised;
#[cfg(unix)]
mod supervisor;
#[cfg(unix)]
mod sys;
#[cfg(unix)]
pub mod transport;

#[cfg(unix)]
pub use conductor::{Conductor, ConductorPort, Environment, Worker};
pub use error::{RestartError, StartError};
pub use event::{ConductorStatus, Event, EventKind};
pub use exit::{
    BootError, BootErrorKind, Circumstances, Demand, EXIT_BOOT, EXIT_FATAL, EXIT_LIFELINE, EXIT_SETUP, ExitReason,
    ExitReport, TaskRecord,
};
pub use group::WorkerId;
pub use lifecycle::{Cause, State};
pub use metrics::{BOUNDS, Histogram, Metric, MetricValue};
pub use output::{LineRate, Stream};
pub use spec::{Limits, Spec, Stdio, Strategy, Variables};
pub use status::{QueueFigures, Status, WorkerStatus};
