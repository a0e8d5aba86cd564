//! After which ends a process is started again.

use crate::exit::ExitReason;

/// When to start a process again that ended without being asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum RestartPolicy {
    /// Always.
    Permanent,
    /// Unless it ended cleanly, with exit code 0. The default.
    #[default]
    Transient,
    /// Never.
    Temporary,
}

impl RestartPolicy {
    /// Whether an end of this kind calls for a new process.
    pub fn wants(self, reason: ExitReason) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => reason != ExitReason::Clean,
            Self::Temporary => false,
        }
    }
}
