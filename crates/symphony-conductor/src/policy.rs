//! Decisions, each in a file of its own and all of them pure: time is an argument, chance a [`Random`].

mod backoff;
mod health;
mod intensity;
mod poison;
mod random;
mod recycling;
mod restart;
mod stopping;

pub use backoff::{Backoff, BackoffRule};
pub use health::{HealthLevel, HealthRule, Pulse, Verdict};
pub use intensity::{Intensity, RestartWindow};
pub use poison::{PoisonTasks, Suspicion};
pub use random::{Random, Seeded};
pub use recycling::{Advice, RecycleReason, RecyclingRule, Usage, Wear};
pub use restart::RestartPolicy;
pub use stopping::{Escalation, StopPhase, StopPlan};

/// Time since an origin that does not change while the process lives; never goes back.
pub type Time = std::time::Duration;
