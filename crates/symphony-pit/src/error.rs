//! The one error type: what went wrong, in which part, and whether the same call may succeed later.

use std::error::Error;
use std::fmt;

/// What an operation of the Pit gives.
pub type Result<T, E = PitError> = std::result::Result<T, E>;

/// A part of the Pit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Component {
    /// The folder, its files, and the processes that are attached to it.
    Domain,
    /// Models and who uses them.
    Pool,
    /// Artifacts.
    Store,
}

impl Component {
    /// The word for it in texts and in other languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Pool => "pool",
            Self::Store => "store",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, retryable: $retryable:literal;)*) => {
        /// Why an operation failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum PitCode {
            $($(#[$doc])* $name,)*
        }

        impl PitCode {
            /// All of them, for tables in other languages.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word for it in texts and in other languages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether the same call may succeed later without anybody's correcting it.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }
        }
    };
}

codes! {
    /// An argument is not what the operation accepts. Correct the call.
    InvalidArgument = "invalid-argument", retryable: false;
    /// There is nothing of this identity.
    NotFound = "not-found", retryable: false;
    /// What the handle named has been given back or taken away. Ask for a new one.
    StaleHandle = "stale-handle", retryable: false;
    /// It is there already.
    AlreadyExists = "already-exists", retryable: false;
    /// The state does not allow this step; it is unchanged.
    InvalidTransition = "invalid-transition", retryable: false;
    /// It needs more than there is in all. A larger budget or a smaller request helps.
    ResourceExhausted = "resource-exhausted", retryable: false;
    /// Too many are waiting. Try again later.
    QueueFull = "queue-full", retryable: true;
    /// It took longer than was allowed.
    Timeout = "timeout", retryable: true;
    /// It was called off.
    Cancelled = "cancelled", retryable: false;
    /// A model did not load; the source says why.
    LoadFailed = "load-failed", retryable: true;
    /// The model does not answer as it should.
    Unhealthy = "unhealthy", retryable: true;
    /// Steps depend on each other in a circle.
    CycleDetected = "cycle-detected", retryable: false;
    /// Something that this depends on has failed.
    DependencyFailed = "dependency-failed", retryable: false;
    /// Content is not what its digest says.
    HashMismatch = "hash-mismatch", retryable: false;
    /// A file of the Pit does not hold what it must. The message says what can be done.
    Corrupted = "corrupted", retryable: false;
    /// The disk, or the space set aside, is full. Make room and try again.
    StorageFull = "storage-full", retryable: true;
    /// It is protected from being removed.
    Held = "held", retryable: false;
    /// A policy forbids it.
    PolicyViolation = "policy-violation", retryable: false;
    /// A quota is used up.
    QuotaExceeded = "quota-exceeded", retryable: true;
    /// Somebody else changed it meanwhile. Read again and repeat.
    Conflict = "conflict", retryable: true;
    /// This process is not attached, or not any more.
    NotAttached = "not-attached", retryable: false;
    /// The folder was made by another version, or is used by one.
    DomainVersion = "domain-version", retryable: false;
    /// This process was forked from one that is attached; its memory and locks are not its own.
    ForkedHandle = "forked-handle", retryable: false;
    /// The folder cannot be written.
    ReadOnly = "read-only", retryable: false;
    /// A fault of the Pit itself.
    Internal = "internal", retryable: false;
}

impl fmt::Display for PitCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An operation of the Pit that failed. As small as a pointer, because most operations succeed.
pub struct PitError(Box<Inner>);

struct Inner {
    code: PitCode,
    component: Component,
    message: String,
    retry_after_ms: Option<u32>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PitError {
    /// An error of `component`.
    pub fn new(component: Component, code: PitCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            component,
            message: message.into(),
            retry_after_ms: None,
            source: None,
        }))
    }

    /// An error of the domain.
    pub(crate) fn domain(code: PitCode, message: impl Into<String>) -> Self {
        Self::new(Component::Domain, code, message)
    }

    /// An error of the pool.
    pub(crate) fn pool(code: PitCode, message: impl Into<String>) -> Self {
        Self::new(Component::Pool, code, message)
    }

    /// An error of the artifact store.
    pub(crate) fn store(code: PitCode, message: impl Into<String>) -> Self {
        Self::new(Component::Store, code, message)
    }

    /// The same with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same with the time after which trying again makes sense, in milliseconds.
    #[must_use]
    pub fn with_retry_after(mut self, milliseconds: u32) -> Self {
        self.0.retry_after_ms = Some(milliseconds);
        self
    }

    /// Why it failed.
    pub fn code(&self) -> PitCode {
        self.0.code
    }

    /// Where it failed.
    pub fn component(&self) -> Component {
        self.0.component
    }

    /// What was expected and what was got, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.code.is_retryable()
    }

    /// After how many milliseconds trying again makes sense, if that is known.
    pub fn retry_after_ms(&self) -> Option<u32> {
        self.0.retry_after_ms
    }

    /// An error of the operating system, or of a store over it, about a path.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PitCode::StorageFull,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => PitCode::ReadOnly,
            ErrorKind::NotFound => PitCode::NotFound,
            ErrorKind::NotADirectory | ErrorKind::InvalidInput | ErrorKind::InvalidFilename => PitCode::InvalidArgument,
            _ => PitCode::Internal,
        };
        Self::domain(code, format!("cannot {doing} `{}`: {error}", path.display())).with_source(error)
    }
}

impl fmt::Debug for PitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PitError")
            .field("code", &self.0.code)
            .field("component", &self.0.component)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for PitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl Error for PitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_an_error_is_as_small_as_a_pointer() {
        let names: std::collections::BTreeSet<_> = PitCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), PitCode::ALL.len());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn what_the_system_says_decides_the_code() {
        let path = std::path::Path::new("/x");
        let code = |number| PitError::io("open", path, std::io::Error::from_raw_os_error(number)).code();
        assert_eq!(code(libc::ENOSPC), PitCode::StorageFull);
        assert_eq!(code(libc::EROFS), PitCode::ReadOnly);
        assert_eq!(code(libc::EACCES), PitCode::ReadOnly);
        assert_eq!(code(libc::ENOTDIR), PitCode::InvalidArgument);
    }
}
