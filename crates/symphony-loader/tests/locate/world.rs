//! A folder of its own for a test, with a home, a cache and whatever interpreters the test puts into it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use symphony_loader::locate::locate;
use symphony_loader::report::{Attempt, Report};
use symphony_loader::request::{CachePlace, Request};

use crate::interpreters;

/// A temporary folder with a working directory `work`, removed at the end of the test.
pub(crate) struct World {
    folder: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "symphony-loader-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir_all(folder.join("work")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.path(path).to_str().unwrap().to_owned()
    }

    pub(crate) fn folder(&self, path: &str) -> PathBuf {
        let folder = self.path(path);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn file(&self, path: &str, text: &str) -> PathBuf {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// A shell script that may be run.
    ///
    /// Another process writes it: a file that this one has open for writing is open in whatever the other tests fork just then, too,
    /// and cannot be run until that has executed its own program (`ETXTBSY`).
    pub(crate) fn script(&self, path: &str, body: &str) -> PathBuf {
        let text = self.file(&format!("{path}.sh"), &format!("#!/bin/sh\n{body}\n"));
        let file = self.path(path);
        let made = Command::new("cp").arg(&text).arg(&file).status().unwrap();
        assert!(made.success(), "{} was not copied", text.display());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    /// A script that answers as the interpreter of a recorded answer does.
    pub(crate) fn answering(&self, path: &str, probe: &str) -> PathBuf {
        let mut recorded = recorded(probe)["answer"].clone();
        recorded["executable"] = self.text(path).into();
        recorded["base_executable"] = self.text(path).into();
        self.script(
            path,
            &format!("printf '%s\\n' 'symphony-python-bridge:probe:{recorded}'"),
        )
    }

    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) -> PathBuf {
        let link = self.path(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, &link).unwrap();
        link
    }

    /// A virtual environment made by `interpreter`.
    pub(crate) fn environment(&self, path: &str, interpreter: &Path) -> PathBuf {
        let folder = self.path(path);
        let arguments = ["-m", "venv", "--without-pip"];
        let made = interpreters::run(interpreter)
            .args(arguments)
            .arg(&folder)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{} made no environment: {made:?}",
            interpreter.display()
        );
        folder
    }

    /// A pyenv with these versions, each of them an environment of its own, so that reports tell them apart.
    pub(crate) fn pyenv(&self, versions: &[&str]) {
        let interpreter = interpreters::one().path;
        for version in versions {
            self.environment(&format!("pyenv/versions/{version}"), &interpreter);
        }
        self.script(
            "pyenv/shims/python3",
            "echo 'pyenv was run, which costs too much' >&2; exit 1",
        );
    }

    /// A request from `work`, with an empty search path, this folder as the home, and no cache.
    pub(crate) fn request(&self) -> Request {
        Request {
            python: None,
            cwd: self.path("work"),
            env: HashMap::from([
                (String::from("PATH"), String::new()),
                (String::from("HOME"), self.text("home")),
            ]),
            cache: CachePlace::None,
            probe_limit: None,
        }
    }

    /// Searches with these variables set.
    pub(crate) fn locate(&self, variables: &[(&str, &str)]) -> Report {
        let mut request = self.request();
        request.env.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        locate(&request)
    }

    /// Searches with a `python` option.
    pub(crate) fn locate_option(&self, python: &str) -> Report {
        locate(&Request {
            python: Some(python.to_owned()),
            ..self.request()
        })
    }

    /// The code, the sentence with all attempts, and the fix of a problem, with this folder written as `~`.
    pub(crate) fn problem(&self, report: &Report) -> (&'static str, String, Option<String>) {
        let problem = report.problem.as_ref().expect("a problem");
        let mut text = format!("{}; tried, in this order:", problem.message);
        for Attempt {
            source, path, reason, ..
        } in &report.attempts
        {
            let path = if path.is_empty() {
                String::new()
            } else {
                format!("`{path}` ")
            };
            write!(text, "\n- {}: {path}{reason}", source.as_str()).unwrap();
        }
        let here = self.folder.to_str().unwrap();
        (
            problem.code,
            text.replace(here, "~"),
            problem.fix.as_ref().map(|fix| fix.replace(here, "~")),
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A recorded answer, by name.
pub(crate) fn recorded(probe: &str) -> serde_json::Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/probes")
        .join(format!("{probe}.json"));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}
