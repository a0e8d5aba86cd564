//! The search: takes the candidates in order, asks each what it is, and stops at the first that can be embedded.

use std::fs;
use std::path::{Path, PathBuf};

use symphony_wire::ErrorCode;

use crate::answer::Answer;
use crate::candidates::{self, Candidate, Step};
use crate::remedy::{Remedy, System};
use crate::report::{Attempt, Chosen, Outcome, Report, Source};
use crate::request::Request;
use crate::verdict::{self, Host, Refusal};
use crate::{cache, malloc, probe};

/// Finds the interpreter to embed.
pub fn locate(request: &Request) -> Report {
    let mut search = Search {
        request,
        attempts: Vec::new(),
        failures: Vec::new(),
        seen: Vec::new(),
    };
    for step in candidates::steps(request) {
        match step {
            Step::Absent(absence) => search.note(absence.source, String::new(), Outcome::Absent, absence.reason),
            Step::Reject(rejection) => {
                let candidates::Rejection {
                    source,
                    path,
                    reason,
                    remedy,
                    is_final,
                } = rejection;
                let refusal = Refusal {
                    code: ErrorCode::PythonNotFound,
                    reason,
                    remedy,
                };
                search.refuse(Failure {
                    source,
                    path,
                    refusal,
                    is_final,
                    runs: None,
                });
            }
            Step::Try(candidate) => {
                if let Some(chosen) = search.attempt(candidate) {
                    return Report::found(chosen, search.attempts);
                }
            }
        }
        if search.failures.last().is_some_and(|failure| failure.is_final) {
            break;
        }
    }
    search.give_up()
}

/// A search under way.
struct Search<'request> {
    request: &'request Request,
    attempts: Vec<Attempt>,
    failures: Vec<Failure>,
    /// The interpreters that were asked, at the end of their links; in a virtual environment, as they are there.
    seen: Vec<PathBuf>,
}

/// Something that could not be used.
struct Failure {
    source: Source,
    path: PathBuf,
    refusal: Refusal,
    is_final: bool,
    /// The interpreter, if it is one that could serve outside this process.
    runs: Option<Box<Chosen>>,
}

impl Search<'_> {
    fn note(&mut self, source: Source, path: String, outcome: Outcome, reason: String) {
        self.attempts.push(Attempt {
            source,
            path,
            outcome,
            reason,
        });
    }

    fn refuse(&mut self, failure: Failure) {
        self.note(
            failure.source,
            text(&failure.path),
            Outcome::Rejected,
            failure.refusal.reason.clone(),
        );
        self.failures.push(failure);
    }

    /// Asks one interpreter, unless it was asked before under another name.
    fn attempt(&mut self, candidate: Candidate) -> Option<Chosen> {
        let Candidate {
            source,
            shown,
            executable,
            is_final,
        } = candidate;
        let identity = match cache::environment_file(&executable) {
            Some(_) => executable.clone(),
            None => fs::canonicalize(&executable).unwrap_or_else(|_| executable.clone()),
        };
        if self.seen.contains(&identity) {
            return None;
        }
        self.seen.push(identity);
        match self.examine(source, &executable) {
            Ok(chosen) => {
                let library = chosen.libpython.as_deref().unwrap_or_default();
                let reason = format!("is CPython {} with `{library}`", chosen.version);
                self.note(source, text(&shown), Outcome::Chosen, reason);
                Some(chosen)
            }
            Err((refusal, runs)) => {
                self.refuse(Failure {
                    source,
                    path: shown,
                    refusal,
                    is_final,
                    runs,
                });
                None
            }
        }
    }

    /// Takes the answer of one interpreter, from the cache if that has it, and judges it.
    fn examine(&self, source: Source, executable: &Path) -> Result<Chosen, (Refusal, Option<Box<Chosen>>)> {
        let remembered = cache::recall(executable, self.request);
        let cached = remembered.is_some();
        let answer = match remembered {
            Some(answer) => answer,
            None => probe::ask(executable, self.request).map_err(|reason| (silence(executable, reason), None))?,
        };
        match verdict::judge(&answer, Host::this(), &is_file) {
            Ok(library) => {
                if !cached {
                    cache::remember(executable, &answer, Path::new(&library), self.request);
                }
                Ok(choose(source, &answer, Some(library), cached))
            }
            Err(refusal) => {
                let runs = verdict::is_current(&answer).then(|| Box::new(choose(source, &answer, None, cached)));
                Err((refusal, runs))
            }
        }
    }

    /// The report of a search without success. What is nearest to working decides what is advised.
    fn give_up(mut self) -> Report {
        let system = System::of(self.request);
        let runs = self
            .failures
            .iter_mut()
            .find_map(|failure| failure.runs.take())
            .map(|chosen| *chosen);
        // Of several with the same rank, the first.
        let nearest = self
            .failures
            .iter()
            .rev()
            .max_by_key(|failure| rank(failure.refusal.code));
        let Some(nearest) = nearest else {
            let fix = Remedy::Install.command(system, &is_file);
            return Report::failed(
                ErrorCode::PythonNotFound,
                "no Python was found",
                fix,
                None,
                self.attempts,
            );
        };
        let headline = match nearest.source {
            Source::Option => "the Python that the `python` option names cannot be embedded",
            Source::VirtualEnv => "the virtual environment that `VIRTUAL_ENV` names cannot be used",
            Source::DotVenv if nearest.is_final => "the virtual environment of this folder cannot be used",
            _ => "no Python was found that can be embedded",
        };
        let fix = nearest.refusal.remedy.command(system, &is_file);
        Report::failed(nearest.refusal.code, headline, fix, runs, self.attempts)
    }
}

/// The refusal of an interpreter that does not say what it is.
fn silence(executable: &Path, reason: String) -> Refusal {
    let environment = cache::environment_file(executable).and_then(|file| file.parent().map(Path::to_path_buf));
    let remedy = environment.map_or(Remedy::Unknown, Remedy::NewEnvironment);
    Refusal {
        code: ErrorCode::PythonNotFound,
        reason,
        remedy,
    }
}

/// How near to working an interpreter is.
fn rank(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::LibpythonNotFound => 2,
        ErrorCode::PythonUnsupported => 1,
        _ => 0,
    }
}

fn choose(source: Source, answer: &Answer, library: Option<String>, cached: bool) -> Chosen {
    let malloc::Decision { deepbind, reason } = malloc::decide();
    let base = answer.base_executable();
    let real = fs::canonicalize(base).map_or_else(|_| base.to_owned(), |path| text(&path));
    Chosen {
        source,
        executable: answer.executable.clone(),
        real_executable: real,
        version: answer.version_text(),
        implementation: answer.implementation.clone(),
        prefix: verdict::virtual_environment(&answer.executable, &is_file)
            .unwrap_or_else(|| answer.base_prefix.clone()),
        base_prefix: answer.base_prefix.clone(),
        libpython: library,
        deepbind,
        deepbind_reason: reason,
        openssl: answer.openssl.clone(),
        free_threaded: answer.free_threaded,
        bits: answer.bits,
        platform: answer.platform.clone(),
        libc: answer.c_library.clone(),
        cached,
    }
}

fn is_file(path: &str) -> bool {
    Path::new(path).is_file()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
