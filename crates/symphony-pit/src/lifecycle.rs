//! The states of one loaded model, and which step leads from which to which. Pure: who takes a step decides when.
//!
//! ```text
//!          load              loaded             cool                unloaded
//!   Cold ────────▶ Warming ────────▶ Hot ───────────────▶ Cooling ──────────▶ Cold
//!    ▲ ▲            │    │           │ ▲ ◀───revive──────────┘│
//!    │ └──cancelled─┘    │       park│ │wake                  │
//!    │                 fail          ▼ │                      │
//!    │                   │         Parked ──cool──▶ Cooling   │
//!    │                   ▼                                    │
//!    └────recover───── Failed ◀──fail (Hot, Parked, Cooling)──┘
//! ```
//!
//! From every state but Cold, the end of the process that has the model leads to Cold, through Cooling while its leases are
//! taken from their holders.

use std::fmt;

/// What a model in one process is doing. That it is in use is not a state: a model that is hot and lent is `Hot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum InstanceState {
    /// Not loaded.
    Cold,
    /// Being loaded; its memory counts already.
    Warming,
    /// Loaded, and lent to those who ask.
    Hot,
    /// No longer lent; unloaded when the last lease is given back. Its memory still counts.
    Cooling,
    /// Broken or not loaded in the end. Holds no memory.
    Failed,
    /// Asleep in its process: not lent, quick to wake. Its memory still counts.
    Parked,
}

impl InstanceState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Cold,
        Self::Warming,
        Self::Hot,
        Self::Cooling,
        Self::Failed,
        Self::Parked,
    ];

    /// Whether its memory counts.
    pub const fn is_resident(self) -> bool {
        matches!(self, Self::Warming | Self::Hot | Self::Cooling | Self::Parked)
    }

    /// The word for it in texts and other languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warming => "warming",
            Self::Hot => "hot",
            Self::Cooling => "cooling",
            Self::Failed => "failed",
            Self::Parked => "parked",
        }
    }

    /// The number for it in shared memory.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// The state of that number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The state that `step` leads to.
    ///
    /// # Errors
    /// There is no such edge.
    pub const fn after(self, step: Step) -> Result<Self, IllegalStep> {
        Ok(match (self, step) {
            (Self::Cold, Step::Load) => Self::Warming,
            (Self::Warming, Step::Loaded) | (Self::Cooling, Step::Revive) | (Self::Parked, Step::Wake) => Self::Hot,
            (Self::Warming, Step::Cancelled) | (Self::Cooling, Step::Unloaded) | (Self::Failed, Step::Recover) => {
                Self::Cold
            }
            (Self::Hot, Step::Park) => Self::Parked,
            (Self::Hot | Self::Parked, Step::Cool)
            | (Self::Warming | Self::Hot | Self::Cooling | Self::Failed | Self::Parked, Step::OwnerDied) => {
                Self::Cooling
            }
            (Self::Warming | Self::Hot | Self::Parked | Self::Cooling, Step::Fail) => Self::Failed,
            _ => return Err(IllegalStep { state: self, step }),
        })
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What happens to a model in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Its process begins to load it.
    Load,
    /// It is loaded.
    Loaded,
    /// Loading was called off.
    Cancelled,
    /// It is no longer to be lent.
    Cool,
    /// It is wanted again before it was unloaded.
    Revive,
    /// It is unloaded.
    Unloaded,
    /// It goes to sleep.
    Park,
    /// It is woken.
    Wake,
    /// It did not load, or it broke.
    Fail,
    /// It may be loaded again.
    Recover,
    /// The process that had it has ended.
    OwnerDied,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Load,
        Self::Loaded,
        Self::Cancelled,
        Self::Cool,
        Self::Revive,
        Self::Unloaded,
        Self::Park,
        Self::Wake,
        Self::Fail,
        Self::Recover,
        Self::OwnerDied,
    ];
}

/// A step that the state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllegalStep {
    /// The state, which stays.
    pub state: InstanceState,
    /// The step.
    pub step: Step,
}

impl fmt::Display for IllegalStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a model that is {} cannot take the step {:?}",
            self.state, self.step
        )
    }
}

impl std::error::Error for IllegalStep {}

/// Why a step was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransitionReason {
    /// Somebody asked for it.
    UserRequest,
    /// It was not used for its keep-alive time, or did not load in time.
    AutomaticTimeout,
    /// It did not answer as it should.
    HealthCheckFailure,
    /// Something else needs its memory.
    ResourcePressure,
    /// It will probably be wanted.
    PredictivePrewarm,
    /// A plan said so.
    ScheduledCooldown,
    /// What failed is cleared away.
    ErrorRecovery,
    /// The process that had it has ended.
    OwnerDied,
    /// It did not load.
    LoadFailure,
}

impl TransitionReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::UserRequest,
        Self::AutomaticTimeout,
        Self::HealthCheckFailure,
        Self::ResourcePressure,
        Self::PredictivePrewarm,
        Self::ScheduledCooldown,
        Self::ErrorRecovery,
        Self::OwnerDied,
        Self::LoadFailure,
    ];

    /// The word for it in texts and other languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserRequest => "user-request",
            Self::AutomaticTimeout => "automatic-timeout",
            Self::HealthCheckFailure => "health-check-failure",
            Self::ResourcePressure => "resource-pressure",
            Self::PredictivePrewarm => "predictive-prewarm",
            Self::ScheduledCooldown => "scheduled-cooldown",
            Self::ErrorRecovery => "error-recovery",
            Self::OwnerDied => "owner-died",
            Self::LoadFailure => "load-failure",
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exactly_these_edges_exist() {
        let mut edges = Vec::new();
        for from in InstanceState::ALL {
            for step in Step::ALL {
                match from.after(step) {
                    Ok(to) => edges.push(format!("{from} {step:?} {to}")),
                    Err(error) => assert_eq!((error.state, error.step), (from, step)),
                }
            }
        }
        assert_eq!(
            edges,
            [
                "cold Load warming",
                "warming Loaded hot",
                "warming Cancelled cold",
                "warming Fail failed",
                "warming OwnerDied cooling",
                "hot Cool cooling",
                "hot Park parked",
                "hot Fail failed",
                "hot OwnerDied cooling",
                "cooling Revive hot",
                "cooling Unloaded cold",
                "cooling Fail failed",
                "cooling OwnerDied cooling",
                "failed Recover cold",
                "failed OwnerDied cooling",
                "parked Cool cooling",
                "parked Wake hot",
                "parked Fail failed",
                "parked OwnerDied cooling",
            ]
        );
    }

    #[test]
    fn numbers_name_the_states_and_reasons() {
        for state in InstanceState::ALL {
            assert_eq!(InstanceState::from_number(state.number()), Some(state));
        }
        for reason in TransitionReason::ALL {
            assert_eq!(TransitionReason::from_number(reason as u8), Some(reason));
        }
        assert_eq!(InstanceState::from_number(6), None);
    }

    proptest! {
        #[test]
        fn nothing_is_lent_that_was_not_loaded(steps in prop::collection::vec(0..Step::ALL.len(), 0..60)) {
            let (mut state, mut loaded) = (InstanceState::Cold, false);
            for step in steps.into_iter().map(|index| Step::ALL[index]) {
                let Ok(next) = state.after(step) else { continue };
                if step == Step::Loaded {
                    loaded = true;
                }
                if !next.is_resident() {
                    loaded = false;
                }
                // What was called off or lost its owner while it loaded is cooling without ever having been loaded, and only
                // its owner could revive it.
                prop_assume!(step != Step::Revive || loaded);
                prop_assert!(next != InstanceState::Hot || loaded);
                state = next;
            }
        }
    }
}
