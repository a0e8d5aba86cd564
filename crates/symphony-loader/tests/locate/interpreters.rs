//! The real interpreters of this machine: those of pyenv, and the system's.

#![expect(clippy::print_stderr, reason = "a test run says what it could not try")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An interpreter of this machine.
pub(crate) struct Interpreter {
    pub(crate) path: PathBuf,
    pub(crate) version: [u32; 3],
}

/// All that are found; says which of the wanted minor versions are not among them.
pub(crate) fn all() -> Vec<Interpreter> {
    let versions = pyenv_root().map(|root| root.join("versions"));
    let managed = versions
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten();
    let managed = managed.filter_map(|entry| Some(entry.ok()?.path().join("bin/python")));
    let system = ["/usr/bin/python3", "/usr/local/bin/python3"].map(PathBuf::from);
    let found: Vec<_> = managed.chain(system).filter_map(Interpreter::of).collect();
    for (major, minor) in [(2, 7), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13), (3, 14)] {
        if !found
            .iter()
            .any(|interpreter| interpreter.version[..2] == [major, minor])
        {
            eprintln!("not tried, for it is not on this machine: Python {major}.{minor}");
        }
    }
    found
}

/// Those that can be embedded: new enough, with their library. There must be one, or nothing was tested.
pub(crate) fn embeddable() -> Vec<Interpreter> {
    let found: Vec<_> = all()
        .into_iter()
        .filter(|interpreter| interpreter.library().is_some())
        .collect();
    assert!(
        !found.is_empty(),
        "the tests need a CPython 3.10 or newer with a shared libpython on this machine"
    );
    found
}

/// One that can be embedded.
pub(crate) fn one() -> Interpreter {
    embeddable().remove(0)
}

pub(crate) fn pyenv_root() -> Option<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".pyenv")))?;
    root.join("versions").is_dir().then_some(root)
}

/// Runs an interpreter with its own library, whichever one the tests themselves were given.
pub(crate) fn run(interpreter: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.env_remove("LD_LIBRARY_PATH");
    command
}

impl Interpreter {
    fn of(path: PathBuf) -> Option<Self> {
        let script = "import sys; print('%d %d %d' % sys.version_info[:3])";
        let output = run(&path).args(["-S", "-c", script]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let numbers: Vec<u32> = text
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        Some(Self {
            path,
            version: numbers.try_into().ok()?,
        })
    }

    pub(crate) fn version_text(&self) -> String {
        self.version.map(|number| number.to_string()).join(".")
    }

    /// Its library, found without the code under test: where the dynamic linker finds it for the interpreter, or where the build put it.
    pub(crate) fn library(&self) -> Option<PathBuf> {
        if self.version < [3, 10, 0] {
            return None;
        }
        let script = "import sysconfig as s; g = s.get_config_var; print(g('LIBDIR') + '/' + g('INSTSONAME'))";
        let output = run(&self.path).args(["-c", script]).output().ok()?;
        let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        (path.is_file() && path.to_str()?.contains(".so")).then_some(path)
    }
}
