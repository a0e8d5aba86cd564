//! What an interpreter says about itself: the JSON that `probe.py` prints.

use serde::{Deserialize, Serialize};

/// The answer of one interpreter. Paths are text, because answers of other systems are judged in tests here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one build, as the probe prints them"
)]
pub struct Answer {
    /// Major, minor, patch.
    pub version: [u32; 3],
    /// `final`, or `alpha`, `beta`, `candidate`.
    pub level: String,
    /// The number of an alpha, beta or candidate.
    pub serial: u32,
    /// `cpython`, `pypy`, `graalpy`.
    pub implementation: String,
    /// `sys.executable`: in a virtual environment, the one there.
    pub executable: String,
    /// `sys._base_executable`: the interpreter that a virtual environment was made from.
    pub base_executable: Option<String>,
    /// `sys.base_prefix`. The `sys.prefix` of a virtual environment is not there without `site`, before 3.14.
    pub base_prefix: String,
    /// `sys.abiflags`.
    pub abiflags: String,
    /// `LDLIBRARY`.
    pub library_name: Option<String>,
    /// `INSTSONAME`.
    pub soname: Option<String>,
    /// `LIBDIR`.
    pub library_folder: Option<String>,
    /// `LIBPL`.
    pub config_folder: Option<String>,
    /// `PYTHONFRAMEWORKPREFIX`.
    pub framework_prefix: Option<String>,
    /// `Py_ENABLE_SHARED`.
    pub shared: bool,
    /// `Py_GIL_DISABLED`.
    pub free_threaded: bool,
    /// `Py_TRACE_REFS`.
    pub trace_references: bool,
    /// 32 or 64.
    pub bits: u32,
    /// `glibc 2.36`, `musl`, `system`.
    pub c_library: String,
    /// `sysconfig.get_platform()`.
    pub platform: String,
    /// `ssl.OPENSSL_VERSION`, if there is an `ssl`.
    pub openssl: Option<String>,
    /// The file that holds the interpreter's code, if that is not the executable.
    pub mapped_library: Option<String>,
    /// Whether it belongs to a conda environment.
    pub conda: bool,
}

impl Answer {
    /// `3.12.1`, `3.14.0rc2`.
    pub fn version_text(&self) -> String {
        let [major, minor, patch] = self.version;
        let level = match self.level.as_str() {
            "alpha" => "a",
            "beta" => "b",
            "candidate" => "rc",
            _ => return format!("{major}.{minor}.{patch}"),
        };
        format!("{major}.{minor}.{patch}{level}{}", self.serial)
    }

    /// `CPython 3.12.1`.
    pub fn name(&self) -> String {
        let implementation = match self.implementation.as_str() {
            "cpython" => "CPython",
            "pypy" => "PyPy",
            "graalpy" => "GraalPy",
            other => other,
        };
        format!("{implementation} {}", self.version_text())
    }

    /// The interpreter behind a virtual environment, or the interpreter itself.
    pub fn base_executable(&self) -> &str {
        self.base_executable.as_deref().unwrap_or(&self.executable)
    }

    /// Whether it answers from Windows.
    pub fn is_windows(&self) -> bool {
        self.platform.starts_with("win")
    }

    /// Whether it answers from macOS.
    pub fn is_macos(&self) -> bool {
        self.platform.starts_with("macosx")
    }
}
