//! State that the processes of one project share by memory.
#![cfg(unix)]

mod atomic;
pub mod domain;
mod error;
mod ids;
pub mod lifecycle;
mod pending;
pub mod pool;
mod resources;
pub mod store;
mod time;

pub use error::{Component, PitCode, PitError, Result};
pub use ids::{ArtifactId, DomainId, Id128, InstanceId, LeaseId, ModelId, NotAnId, ProcessSlot, RequestId};
pub use pending::Pending;
pub use resources::{KeepAlive, ModelSpec, ModelType, Priority, ResourceRequirements};
pub use time::{BootId, Mono, Wall};
