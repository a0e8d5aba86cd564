//! Judges the answer of an interpreter: the library to open, or why this process cannot embed it.
//!
//! Pure: what exists is asked through a function, so that the recorded answers of other systems are judged by the same code.

use symphony_wire::ErrorCode;

use crate::answer::Answer;
use crate::libpython;
use crate::remedy::Remedy;

/// The oldest CPython whose stable ABI the core is built for.
const OLDEST: [u32; 2] = [3, 10];

/// The process that is to embed the interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// 32 or 64.
    pub bits: u32,
    /// As the compiler names it: `x86_64`, `aarch64`.
    pub architecture: &'static str,
    /// Whether its C library is musl.
    pub musl: bool,
}

impl Host {
    /// This process.
    pub const fn this() -> Self {
        Self {
            bits: usize::BITS,
            architecture: std::env::consts::ARCH,
            musl: cfg!(target_env = "musl"),
        }
    }
}

/// Why an interpreter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind of obstacle it is.
    pub code: ErrorCode,
    /// The rest of a sentence that begins with the path of the interpreter.
    pub reason: String,
    /// What would help.
    pub remedy: Remedy,
}

/// The library of the interpreter, if `host` can embed it.
///
/// # Errors
/// Why it cannot.
pub fn judge(answer: &Answer, host: Host, exists: &dyn Fn(&str) -> bool) -> Result<String, Refusal> {
    if let Some(reason) = unsupported(answer, host) {
        let reason = format!("is {}, {reason}", answer.name());
        let remedy = Remedy::Replacement(Box::new(answer.clone()));
        return Err(Refusal {
            code: ErrorCode::PythonUnsupported,
            reason,
            remedy,
        });
    }
    let candidates = libpython::candidates(answer);
    if let Some(library) = candidates.iter().find(|path| exists(path)) {
        return Ok(library.clone());
    }
    let built = if answer.shared {
        ""
    } else {
        " (it was built without --enable-shared)"
    };
    let missing = candidates.join("`, no `");
    let reason = format!(
        "is {} without a shared library{built}: there is no `{missing}`",
        answer.name()
    );
    let remedy = Remedy::Library(Box::new(answer.clone()));
    Err(Refusal {
        code: ErrorCode::LibpythonNotFound,
        reason,
        remedy,
    })
}

/// Whether the interpreter is new enough for this bridge, embedded or not.
pub fn is_current(answer: &Answer) -> bool {
    answer.implementation == "cpython" && answer.version[..2] >= OLDEST[..]
}

/// The folder of the virtual environment that `executable` belongs to.
pub fn virtual_environment(executable: &str, exists: &dyn Fn(&str) -> bool) -> Option<String> {
    let separator = if executable.contains('\\') { '\\' } else { '/' };
    let (folder, _) = executable.rsplit_once(separator)?;
    let above = folder.rsplit_once(separator).map(|(above, _)| above);
    [above, Some(folder)]
        .into_iter()
        .flatten()
        .find(|folder| exists(&format!("{folder}{separator}pyvenv.cfg")))
        .map(String::from)
}

fn unsupported(answer: &Answer, host: Host) -> Option<String> {
    if answer.implementation != "cpython" {
        return Some(String::from("and only CPython can be embedded"));
    }
    if !is_current(answer) {
        return Some(format!(
            "and {}.{} is the oldest that can be embedded",
            OLDEST[0], OLDEST[1]
        ));
    }
    if answer.free_threaded {
        return Some(String::from(
            "a free-threaded build, whose objects have another layout than this bridge is built for",
        ));
    }
    if answer.trace_references {
        return Some(String::from(
            "a build with Py_TRACE_REFS, whose objects have another layout than this bridge is built for",
        ));
    }
    if answer.bits != host.bits {
        return Some(format!(
            "a {}-bit build, and this Node process is a {}-bit one",
            answer.bits, host.bits
        ));
    }
    if let Some(architecture) = architecture(&answer.platform)
        && architecture != host.architecture
    {
        return Some(format!(
            "built for `{architecture}`, and this Node process is built for `{}`",
            host.architecture
        ));
    }
    match (answer.c_library.as_str(), host.musl) {
        ("musl", false) => Some(String::from("built for musl, and this Node process is built for glibc")),
        (library, true) if library.starts_with("glibc") => {
            Some(String::from("built for glibc, and this Node process is built for musl"))
        }
        _ => None,
    }
}

/// The processor that a platform tag such as `linux-x86_64` or `macosx-14.0-arm64` names; nothing for those that name several.
fn architecture(platform: &str) -> Option<&'static str> {
    match platform.rsplit('-').next()? {
        "x86_64" | "amd64" => Some("x86_64"),
        "arm64" | "aarch64" => Some("aarch64"),
        _ => None,
    }
}
