//! Where an interpreter may be: the option, `VIRTUAL_ENV`, `.venv`, conda, the search path; each only looked at when the ones
//! before it did not settle the matter.
//!
//! The first three are statements: the user or the project has said which environment it is, with its packages. One that
//! cannot be used ends the search, for another Python would only fail later and elsewhere, with a missing module. A conda
//! environment may be active merely because conda's own is by default, and the search path is a list to search, so there the search goes on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::pyenv;
use crate::remedy::Remedy;
use crate::report::Source;
use crate::request::Request;

/// One thing to do in the search.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask this interpreter.
    Try(Candidate),
    /// There is something that is no interpreter.
    Reject(Rejection),
    /// There is nothing.
    Absent(Absence),
}

/// An interpreter that may be the one.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it comes from.
    pub source: Source,
    /// What the user would recognise: the shim or folder that led here, or the executable.
    pub shown: PathBuf,
    /// What to run.
    pub executable: PathBuf,
    /// Whether the search ends here, whatever comes out.
    pub is_final: bool,
}

/// Something that cannot even be asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Where it comes from.
    pub source: Source,
    /// What was looked at.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
    /// What would help.
    pub remedy: Remedy,
    /// Whether the search ends here.
    pub is_final: bool,
}

/// A place with nothing in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Absence {
    /// The place.
    pub source: Source,
    /// What is not there.
    pub reason: String,
}

/// The steps of all sources, in order and lazily.
pub fn steps(request: &Request) -> Box<dyn Iterator<Item = Step> + '_> {
    if let Some(python) = request.python.as_deref() {
        return Box::new(std::iter::once(from_option(python, request)));
    }
    let sources: [fn(&Request) -> Vec<Step>; 3] = [from_virtual_env, from_dot_venv, from_conda];
    Box::new(
        sources
            .into_iter()
            .flat_map(|source| source(request))
            .chain(std::iter::once_with(|| from_path(request)).flatten()),
    )
}

fn from_option(python: &str, request: &Request) -> Step {
    let source = Source::Option;
    let path = request.absolute(python);
    if path.is_dir() {
        return folder_step(source, path, true);
    }
    if path.is_file() {
        return Step::Try(Candidate {
            source,
            shown: path.clone(),
            executable: path,
            is_final: true,
        });
    }
    let is_name = Path::new(python).components().count() == 1 && !python.contains(['/', '\\']);
    if is_name && let Some(step) = commands(&[python], source, true, request).next() {
        return step;
    }
    let reason = match dangling_target(&path) {
        Some(target) => format!("links to `{}`, which does not exist", target.display()),
        None if is_name => String::from("does not exist, and there is no such command on `PATH`"),
        None => String::from("does not exist"),
    };
    Step::Reject(Rejection {
        source,
        path,
        reason,
        remedy: Remedy::Unknown,
        is_final: true,
    })
}

fn from_virtual_env(request: &Request) -> Vec<Step> {
    let source = Source::VirtualEnv;
    vec![match request.variable("VIRTUAL_ENV") {
        None => Step::Absent(Absence {
            source,
            reason: String::from("not set"),
        }),
        Some(folder) => {
            let path = request.absolute(folder);
            if path.is_dir() {
                folder_step(source, path, true)
            } else {
                let reason = String::from("is not a folder");
                let remedy = Remedy::NewEnvironment(path.clone());
                Step::Reject(Rejection {
                    source,
                    path,
                    reason,
                    remedy,
                    is_final: true,
                })
            }
        }
    }]
}

fn from_dot_venv(request: &Request) -> Vec<Step> {
    let source = Source::DotVenv;
    let mut steps = Vec::new();
    for path in request
        .cwd
        .ancestors()
        .map(|folder| folder.join(".venv"))
        .filter(|path| path.is_dir())
    {
        if path.join("pyvenv.cfg").is_file() || path.join("conda-meta").is_dir() {
            steps.push(folder_step(source, path, true));
            return steps;
        }
        let reason = String::from("is not a virtual environment: it has no `pyvenv.cfg`");
        steps.push(Step::Reject(Rejection {
            source,
            path,
            reason,
            remedy: Remedy::Install,
            is_final: false,
        }));
    }
    if steps.is_empty() {
        let reason = format!("none in `{}` or a folder above it", request.cwd.display());
        steps.push(Step::Absent(Absence { source, reason }));
    }
    steps
}

fn from_conda(request: &Request) -> Vec<Step> {
    let source = Source::Conda;
    vec![match request.variable("CONDA_PREFIX") {
        None => Step::Absent(Absence {
            source,
            reason: String::from("`CONDA_PREFIX` is not set"),
        }),
        Some(folder) => folder_step(source, request.absolute(folder), false),
    }]
}

fn from_path(request: &Request) -> Box<dyn Iterator<Item = Step> + '_> {
    let names: &[&str] = if cfg!(windows) {
        &["python.exe", "python3.exe"]
    } else {
        &["python3", "python"]
    };
    let mut steps = commands(names, Source::Path, false, request).peekable();
    if steps.peek().is_some() {
        return Box::new(steps);
    }
    let wanted = if cfg!(windows) {
        "`python.exe`"
    } else {
        "`python3` or `python`"
    };
    let reason = match request.search_path().len() {
        0 => String::from("is empty"),
        1 => format!("has no {wanted} in its only folder"),
        count => format!("has no {wanted} in its {count} folders"),
    };
    Box::new(std::iter::once(Step::Absent(Absence {
        source: Source::Path,
        reason,
    })))
}

/// The commands of these names on the search path: all of the first name, then all of the second.
fn commands<'a>(
    names: &'a [&'a str],
    source: Source,
    is_final: bool,
    request: &'a Request,
) -> impl Iterator<Item = Step> + 'a {
    let folders = request.search_path();
    let paths = names
        .iter()
        .flat_map(move |name| folders.iter().map(|folder| folder.join(name)).collect::<Vec<_>>());
    paths.filter(|path| is_executable(path)).filter_map(move |shown| {
        let executable = match pyenv::resolve(&shown, request) {
            pyenv::Command::Plain => shown.clone(),
            pyenv::Command::Shim(executable) => executable,
            pyenv::Command::System => return None,
        };
        Some(Step::Try(Candidate {
            source,
            shown,
            executable,
            is_final,
        }))
    })
}

/// The interpreter of an environment or installation folder.
fn folder_step(source: Source, folder: PathBuf, is_final: bool) -> Step {
    let is_environment = folder.join("pyvenv.cfg").is_file();
    let names = interpreter_names(is_environment);
    if let Some(executable) = names.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Step::Try(Candidate {
            source,
            shown: folder,
            executable,
            is_final,
        });
    }
    let dangling = names
        .iter()
        .find_map(|name| Some((name, dangling_target(&folder.join(name))?)));
    let what = if is_environment {
        "is a virtual environment without an interpreter"
    } else {
        "has no Python in it"
    };
    let reason = match dangling {
        Some((name, target)) => {
            format!(
                "is broken: its `{name}` links to `{}`, which does not exist",
                target.display()
            )
        }
        None => format!("{what}: there is no `{}`", names.join("` or `")),
    };
    let remedy = match (is_environment, is_final) {
        (true, _) => Remedy::NewEnvironment(folder.clone()),
        (false, true) => Remedy::Unknown,
        (false, false) => Remedy::Install,
    };
    Step::Reject(Rejection {
        source,
        path: folder,
        reason,
        remedy,
        is_final,
    })
}

/// Where the interpreter is in a folder. Every virtual environment has a `python`; `/usr` need not have one.
fn interpreter_names(is_environment: bool) -> &'static [&'static str] {
    match (cfg!(windows), is_environment) {
        (true, _) => &["Scripts\\python.exe", "python.exe"],
        (false, true) => &["bin/python", "bin/python3"],
        (false, false) => &["bin/python3", "bin/python"],
    }
}

/// The missing end of a chain of links; nothing if `path` is no link or its end exists.
fn dangling_target(path: &Path) -> Option<PathBuf> {
    // The system follows at most 40 links.
    const LINKS: usize = 40;
    let mut current = path.to_path_buf();
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&current) else { break };
        current = current
            .parent()
            .map_or_else(|| target.clone(), |folder| folder.join(&target));
    }
    (current != path && !current.exists()).then_some(current)
}

/// Whether `path` is a file that may be run.
pub fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    #[cfg(unix)]
    let allowed = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let allowed = true;
    metadata.is_file() && allowed
}
