//! Why a Conductor could not do what it was asked to.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReport;
use crate::group::WorkerId;
use crate::lifecycle::State;

/// Why a Conductor did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Something in the [`Spec`](crate::Spec) cannot be: what was expected, and what was got. Correct it.
    Invalid(String),
    /// A worker ended before it was ready, or could not be started at all. The others have been stopped.
    Failed {
        /// Which one.
        worker: WorkerId,
        /// How it ended, if there was a process.
        exit: Option<Arc<ExitReport>>,
        /// Why there was none.
        error: Option<String>,
    },
    /// It was stopped before it was ready.
    Stopped,
    /// It has been started already. Stop it first.
    NotStopped {
        /// Its state.
        state: State,
    },
    /// The thread that asks is the one that would do it (in a callback of events), or there is no such thread. Use a
    /// function that does not wait.
    NoSupervisor(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problem) => formatter.write_str(problem),
            Self::Failed {
                worker,
                exit: Some(exit),
                ..
            } => {
                write!(formatter, "worker {worker} did not become ready: {}", exit.summary())?;
                match &exit.boot_error {
                    Some(error) => write!(formatter, "\n{}", error.text.trim_end()),
                    None if !exit.stderr_tail.is_empty() => write!(formatter, "\n{}", last_lines(&exit.stderr_tail)),
                    None => Ok(()),
                }
            }
            Self::Failed { error, .. } => {
                formatter.write_str(error.as_deref().unwrap_or("the process could not be started"))
            }
            Self::Stopped => formatter.write_str("it was stopped before it was ready"),
            Self::NotStopped { state } => write!(formatter, "it has been started already and is `{state}`"),
            Self::NoSupervisor(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for StartError {}

/// The lines at the end that are worth repeating in a message.
fn last_lines(text: &str) -> &str {
    const BYTES: usize = 2000;
    let text = text.trim_end();
    let mut start = text.len().saturating_sub(BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// Why a Conductor did not restart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestartError {
    /// What it is now.
    pub state: State,
    /// How the last process ended.
    pub last_exit: Option<Arc<ExitReport>>,
}

impl fmt::Display for RestartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it was not restarted and is `{}`", self.state)?;
        match &self.last_exit {
            Some(exit) => write!(formatter, ": {}", exit.summary()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RestartError {}
