//! What a model is and what it needs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{PitCode, PitError, Result};

/// What something needs of the machine while it is loaded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceRequirements {
    /// Main memory in units of 2^20 bytes.
    pub memory_mb: u64,
    /// Processor cores; parts of one are allowed.
    pub cpu_cores: f32,
    /// Memory of the graphics processor in units of 2^20 bytes.
    pub gpu_memory_mb: Option<u64>,
    /// Whether it uses the network. Recorded, not enforced.
    pub network_access: bool,
    /// Countable resources of the program's own, by name. All are taken at once or none.
    pub named: BTreeMap<String, u32>,
    /// What a second of it costs, in millionths of a unit of the program's choice.
    pub est_cost_micros: u64,
    /// How long a use takes, in milliseconds, if that is known.
    pub est_duration_ms: Option<u32>,
}

/// The kind of a model. Recorded for people and policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelType {
    /// Text.
    Language,
    /// Images.
    Vision,
    /// Sound.
    Audio,
    /// Several of these.
    Multimodal,
    /// Anything else.
    #[default]
    Custom,
}

/// How long a model stays loaded after its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepAlive {
    /// Until its memory is needed.
    Forever,
    /// For so many milliseconds; 0 unloads it when it is given back.
    Milliseconds(u64),
}

impl Default for KeepAlive {
    /// Five minutes.
    fn default() -> Self {
        Self::Milliseconds(300_000)
    }
}

impl KeepAlive {
    /// The time, if there is an end.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::Milliseconds(milliseconds) => Some(Duration::from_millis(milliseconds)),
        }
    }
}

/// How urgent a request is; larger is more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub i32);

impl Priority {
    /// Before everything; waiting never lifts another request so high.
    pub const CRITICAL: Self = Self(1000);
    /// Before ordinary requests.
    pub const HIGH: Self = Self(100);
    /// Ordinary.
    pub const NORMAL: Self = Self(0);
    /// After ordinary requests.
    pub const LOW: Self = Self(-100);
    /// When nothing else is to be done.
    pub const BACKGROUND: Self = Self(-1000);

    /// What it counts as after waiting: one more for each second, and less than [`Self::CRITICAL`] for all that began below.
    #[must_use]
    pub fn aged(self, waited: Duration) -> Self {
        if self >= Self::CRITICAL {
            return self;
        }
        let seconds = i32::try_from(waited.as_secs()).unwrap_or(i32::MAX);
        Self(self.0.saturating_add(seconds).min(Self::CRITICAL.0 - 1))
    }
}

/// A model: where it comes from and what it needs. Two specifications are the same model if they are equal in everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The name by which fallbacks and people call it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    #[serde(default)]
    pub model_type: ModelType,
    /// What it needs while it is loaded.
    #[serde(default)]
    pub resource_requirements: ResourceRequirements,
    /// Given to the loader as it is.
    #[serde(default)]
    pub configuration: BTreeMap<String, serde_json::Value>,
    /// What the host loads it by: `package.module:factory` for Python, a registered name for others.
    pub loader: String,
    /// How long it stays loaded after its last use.
    #[serde(default)]
    pub keep_alive: KeepAlive,
    /// How often it may be loaded at a time, over all processes.
    #[serde(default = "one")]
    pub max_instances: u16,
    /// How many leases one loaded instance has at a time.
    #[serde(default = "one")]
    pub max_concurrency: u16,
    /// Names of models to use instead when this one fails, the best first.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// An input by which the host tries the model before it counts as loaded.
    #[serde(default)]
    pub warmup: Option<serde_json::Value>,
    /// How long loading may go on without a sign of progress, in milliseconds.
    #[serde(default = "five_minutes")]
    pub load_timeout_ms: u32,
}

fn one() -> u16 {
    1
}

fn five_minutes() -> u32 {
    300_000
}

/// What makes two specifications the same.
pub(crate) type Fingerprint = [u8; 32];

impl ModelSpec {
    /// A model with one instance and one lease at a time.
    pub fn new(name: impl Into<String>, version: impl Into<String>, loader: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            model_type: ModelType::default(),
            resource_requirements: ResourceRequirements::default(),
            configuration: BTreeMap::new(),
            loader: loader.into(),
            keep_alive: KeepAlive::default(),
            max_instances: 1,
            max_concurrency: 1,
            fallbacks: Vec::new(),
            warmup: None,
            load_timeout_ms: five_minutes(),
        }
    }

    /// The bytes under which it is kept.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let problem = if self.name.is_empty() {
            Some("`name` must not be empty".into())
        } else if self.loader.is_empty() {
            Some("`loader` must not be empty".into())
        } else if self.max_instances == 0 {
            Some("`max_instances` must be at least 1, not 0".into())
        } else if !(1..=MAX_CONCURRENCY).contains(&self.max_concurrency) {
            Some(format!(
                "`max_concurrency` must be 1 to {MAX_CONCURRENCY}, not {}",
                self.max_concurrency
            ))
        } else if !(self.resource_requirements.cpu_cores >= 0.0 && self.resource_requirements.cpu_cores.is_finite()) {
            let cores = self.resource_requirements.cpu_cores;
            Some(format!(
                "`cpu_cores` must be a number that is not negative, not {cores}"
            ))
        } else {
            None
        };
        match problem {
            Some(problem) => Err(PitError::pool(
                PitCode::InvalidArgument,
                format!("model `{}`: {problem}", self.name),
            )),
            None => serde_json::to_vec(self).map_err(|error| {
                PitError::pool(PitCode::InvalidArgument, format!("model `{}`: {error}", self.name)).with_source(error)
            }),
        }
    }

    /// The specification that was kept.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            PitError::pool(PitCode::Corrupted, format!("the record of a model: {error}")).with_source(error)
        })
    }

    pub(crate) fn fingerprint(bytes: &[u8]) -> Fingerprint {
        Sha256::digest(bytes).into()
    }
}

/// More leases of one instance than this would not fit in its part of the table.
pub(crate) const MAX_CONCURRENCY: u16 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_is_kept_without_loss() {
        let mut spec = ModelSpec::new("sentiment", "1", "models:load");
        spec.configuration
            .insert("layers".into(), serde_json::json!([1, 2.5, null]));
        spec.resource_requirements.named.insert("licence".into(), 2);
        spec.keep_alive = KeepAlive::Forever;
        spec.warmup = Some("good".into());
        let bytes = spec.to_bytes().unwrap();
        assert_eq!(ModelSpec::from_bytes(&bytes).unwrap(), spec);
        spec.version = "2".into();
        assert_ne!(
            ModelSpec::fingerprint(&bytes),
            ModelSpec::fingerprint(&spec.to_bytes().unwrap())
        );
    }

    #[test]
    fn a_specification_that_cannot_work_is_refused_by_field() {
        let refused = |change: fn(&mut ModelSpec)| {
            let mut spec = ModelSpec::new("sentiment", "1", "models:load");
            change(&mut spec);
            spec.to_bytes().unwrap_err().to_string()
        };
        assert_eq!(refused(|spec| spec.name.clear()), "model ``: `name` must not be empty");
        assert_eq!(
            refused(|spec| spec.max_concurrency = 257),
            "model `sentiment`: `max_concurrency` must be 1 to 256, not 257"
        );
        assert!(refused(|spec| spec.max_instances = 0).contains("`max_instances`"));
        assert!(refused(|spec| spec.resource_requirements.cpu_cores = f32::NAN).contains("not NaN"));
        assert!(refused(|spec| spec.loader.clear()).contains("`loader`"));
    }

    #[test]
    fn waiting_lifts_a_request_but_never_to_the_top() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Priority::NORMAL.aged(Duration::from_secs(5)), Priority(5));
        assert_eq!(Priority::BACKGROUND.aged(hour), Priority(999));
        assert_eq!(Priority::CRITICAL.aged(hour), Priority::CRITICAL);
    }
}
