//! The answer of the loader: what was tried, what was chosen, or what is wrong and which command helps.

use serde::Serialize;
use symphony_wire::ErrorCode;

/// The places where an interpreter may come from, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// The `python` option.
    #[serde(rename = "option")]
    Option,
    /// The variable of an activated virtual environment.
    #[serde(rename = "VIRTUAL_ENV")]
    VirtualEnv,
    /// A `.venv` folder in the working directory or above it.
    #[serde(rename = ".venv")]
    DotVenv,
    /// The activated conda environment.
    #[serde(rename = "conda")]
    Conda,
    /// The search path of the system.
    #[serde(rename = "PATH")]
    Path,
}

impl Source {
    /// The text form, as in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::VirtualEnv => "VIRTUAL_ENV",
            Self::DotVenv => ".venv",
            Self::Conda => "conda",
            Self::Path => "PATH",
        }
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// This interpreter is used.
    Chosen,
    /// There is something, and it cannot be used.
    Rejected,
    /// There is nothing.
    Absent,
}

/// One attempt, in the order of trying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Where it comes from.
    pub source: Source,
    /// What was looked at; empty when there was nothing to look at.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, as the rest of a sentence that begins with the path.
    pub reason: String,
}

/// The interpreter that was chosen.
///
/// In a report that is not `ok`, it is the first interpreter that runs and is new enough but cannot be embedded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    /// Where it comes from.
    pub source: Source,
    /// `sys.executable`: in a virtual environment, the one there.
    pub executable: String,
    /// The interpreter behind virtual environment, links and launchers.
    pub real_executable: String,
    /// `3.12.1`.
    pub version: String,
    /// `cpython`.
    pub implementation: String,
    /// The virtual environment, or the installation.
    pub prefix: String,
    /// The installation.
    pub base_prefix: String,
    /// The library to open.
    pub libpython: Option<String>,
    /// Whether to open it with `RTLD_DEEPBIND`.
    pub deepbind: bool,
    /// Why, or why not.
    pub deepbind_reason: String,
    /// The OpenSSL of this Python, as it says itself outside Node.
    pub openssl: Option<String>,
    /// Whether it is a build without the GIL.
    pub free_threaded: bool,
    /// 32 or 64.
    pub bits: u32,
    /// `sysconfig.get_platform()`.
    pub platform: String,
    /// `glibc 2.36`, `musl`, `system`.
    pub libc: String,
    /// Whether the answer was remembered rather than asked.
    pub cached: bool,
}

/// Why no interpreter can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// One of the shared error codes.
    pub code: &'static str,
    /// What is wrong, in one sentence. The attempts and the fix belong to it; JavaScript makes the whole text.
    pub message: String,
    /// One command that would help on this system.
    pub fix: Option<String>,
}

/// What `locate` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether `chosen` can be embedded.
    pub ok: bool,
    /// The interpreter.
    pub chosen: Option<Chosen>,
    /// What was tried, in order.
    pub attempts: Vec<Attempt>,
    /// Why it is not `ok`.
    pub problem: Option<Problem>,
}

impl Report {
    /// The report of a search that found what it looked for.
    pub fn found(chosen: Chosen, attempts: Vec<Attempt>) -> Self {
        Self {
            ok: true,
            chosen: Some(chosen),
            attempts,
            problem: None,
        }
    }

    /// The report of a search that did not.
    pub fn failed(
        code: ErrorCode,
        message: impl Into<String>,
        fix: Option<String>,
        chosen: Option<Chosen>,
        attempts: Vec<Attempt>,
    ) -> Self {
        let problem = Problem {
            code: code.as_str(),
            message: message.into(),
            fix,
        };
        Self {
            ok: false,
            chosen,
            attempts,
            problem: Some(problem),
        }
    }
}
