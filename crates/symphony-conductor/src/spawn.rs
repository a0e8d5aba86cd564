//! From a [`Spec`] to a process: what it inherits, and by which numbers.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::announcement::{Announcement, VARIABLE};
use crate::cgroup::ControlGroup;
use crate::control::Control;
use crate::health_page::{self, HealthPage};
use crate::spec::{Limits, Spec, Stdio, Variables};
use crate::sys::{self, FIRST_FREE, Launch, Launched};

/// A process that has just been started, with this side of all that connects to it.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) launched: Launched,
    pub(crate) control: Control,
    /// Its end ends the child.
    pub(crate) lifeline: OwnedFd,
    pub(crate) page: HealthPage,
    pub(crate) faults: File,
    pub(crate) stdout: Option<File>,
    pub(crate) stderr: Option<File>,
    /// The control group that it is in, if it is not that of this process.
    pub(crate) group: Option<ControlGroup>,
}

/// Starts a process for worker number `worker` by a spec that is settled. To be called on a thread that lives as long as this process, because the
/// kernel kills the child when that thread ends.
///
/// # Errors
/// What the system said, with the step that it said it at.
pub(crate) fn spawn(spec: &Spec, worker: u32) -> io::Result<Spawned> {
    let (control, control_there) = Control::pair().map_err(at("control socket"))?;
    let (lifeline_there, lifeline) = pipe().map_err(at("lifeline"))?;
    let page_file = shared_file("symphony-health", Some(health_page::BYTES)).map_err(at("health page"))?;
    let page = HealthPage::map(&page_file).map_err(at("health page"))?;
    page.initialise();
    let faults = shared_file("symphony-faults", None).map_err(at("fault file"))?;
    let nothing =
        rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(at("/dev/null"))?;
    let (stdout, stdout_there) = output(spec.stdout, &std::io::stdout(), &nothing).map_err(at("standard output"))?;
    let (stderr, stderr_there) = output(spec.stderr, &std::io::stderr(), &nothing).map_err(at("standard error"))?;

    let parent = rustix::process::getpid().as_raw_nonzero().get();
    let announcement = Announcement::new(parent, worker);
    let variables = variables(spec, &announcement);
    let program = find_program(
        &spec.executable,
        variables.get(OsStr::new("PATH")).map(OsString::as_os_str),
    )?;
    let program = c_string(program.into_os_string(), "executable")?;
    let mut arguments = vec![c_string(spec.executable.clone().into_os_string(), "executable")?];
    for argument in &spec.args {
        arguments.push(c_string(argument.clone(), "args")?);
    }
    let mut environment = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        environment.push(c_string(pair, "env")?);
    }
    let directory = spec
        .cwd
        .clone()
        .map(|cwd| c_string(cwd.into_os_string(), "cwd"))
        .transpose()?;
    let group = ControlGroup::of(&spec.limits)?;
    let cgroup = group.as_ref().map(|group| group.directory().join("cgroup.procs"));
    let cgroup = cgroup
        .map(|file| c_string(file.into_os_string(), "cgroup"))
        .transpose()?;
    let oom_score = spec.limits.oom_score_adj.to_string();

    // Above all numbers that the child fills, so that none is overwritten before it is copied.
    let mut sources = Vec::new();
    for (descriptor, number) in [
        (nothing.as_fd(), 0),
        (stdout_there.as_fd(), 1),
        (stderr_there.as_fd(), 2),
        (control_there.as_fd(), announcement.control),
        (lifeline_there.as_fd(), announcement.lifeline),
        (page_file.as_fd(), announcement.page),
        (faults.as_fd(), announcement.faults),
    ] {
        sources.push((rustix::io::fcntl_dupfd_cloexec(descriptor, FIRST_FREE)?, number));
    }
    let descriptors: Vec<_> = sources
        .iter()
        .map(|(source, number)| (source.as_raw_fd(), *number))
        .collect();
    let launched = sys::launch(&Launch {
        program: &program,
        arguments: &arguments,
        environment: &environment,
        directory: directory.as_deref(),
        descriptors: &descriptors,
        lifeline: announcement.lifeline,
        limits: &resource_limits(&spec.limits),
        nice: spec.limits.nice,
        oom_score: (spec.limits.oom_score_adj != 0).then_some(oom_score.as_bytes()),
        cgroup: cgroup.as_deref(),
    })
    .map_err(|error| {
        let program = spec.executable.display();
        io::Error::new(error.kind(), format!("`{program}` could not be started: {error}"))
    })?;
    Ok(Spawned {
        launched,
        control,
        lifeline,
        page,
        faults: File::from(faults),
        stdout,
        stderr,
        group,
    })
}

/// Whether trying again would fail in the same way.
pub(crate) fn is_permanent(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::NotFound
            | Kind::PermissionDenied
            | Kind::InvalidInput
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::Unsupported
    ) || error.to_string().contains("exec: Exec format error")
}

fn at<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{step}: {error}"))
    }
}

fn c_string(text: OsString, what: &str) -> io::Result<CString> {
    CString::new(text.into_vec()).map_err(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).into_owned();
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{what}` has a NUL character: {text:?}"),
        )
    })
}

/// The variables of the child, each once, and the announcement.
fn variables(spec: &Spec, announcement: &Announcement) -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<_, _> = match &spec.env {
        Variables::Only(only) => only.iter().cloned().collect(),
        // `Spec::settle` has replaced it.
        Variables::Inherit(_) => BTreeMap::new(),
    };
    variables.insert(VARIABLE.into(), announcement.to_string().into());
    variables
}

/// A name is looked for in `path`, as a shell does it; anything with a slash is a path from this process's directory.
fn find_program(program: &Path, path: Option<&OsStr>) -> io::Result<PathBuf> {
    if program.as_os_str().as_bytes().contains(&b'/') {
        return std::path::absolute(program);
    }
    let path = path.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    let mut found = None;
    for directory in std::env::split_paths(path) {
        let candidate = directory.join(program);
        if rustix::fs::access(&candidate, rustix::fs::Access::EXEC_OK).is_ok() && candidate.is_file() {
            found = Some(std::path::absolute(candidate)?);
            break;
        }
    }
    found.ok_or_else(|| {
        let (program, path) = (program.display(), path.to_string_lossy());
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("`{program}` was not found in `PATH` (`{path}`)"),
        )
    })
}

/// This side and the child's side of one of its outputs.
fn output(wanted: Stdio, ours: &impl AsFd, nothing: &OwnedFd) -> io::Result<(Option<File>, OwnedFd)> {
    match wanted {
        Stdio::Capture => {
            let (reader, writer) = pipe()?;
            rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
            Ok((Some(File::from(reader)), writer))
        }
        // A program may have closed its own.
        Stdio::Inherit => Ok((
            None,
            rustix::io::fcntl_dupfd_cloexec(ours, FIRST_FREE).or_else(|_| nothing.try_clone())?,
        )),
        Stdio::Null => Ok((None, nothing.try_clone()?)),
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(target_os = "linux")]
    let ends = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    #[cfg(not(target_os = "linux"))]
    let ends = {
        let ends = rustix::pipe::pipe()?;
        for end in [&ends.0, &ends.1] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        ends
    };
    Ok(ends)
}

/// A file in memory, without a name. One with a size keeps it: a file that shrinks under a mapping kills who reads there.
#[cfg(target_os = "linux")]
pub(crate) fn shared_file(name: &str, size: Option<u64>) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let file = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    if let Some(size) = size {
        rustix::fs::ftruncate(&file, size)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    }
    Ok(file)
}

/// A file that has lost its name.
#[cfg(not(target_os = "linux"))]
pub(crate) fn shared_file(name: &str, size: Option<u64>) -> io::Result<OwnedFd> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("{name}-{}-{number}", std::process::id()));
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    if let Some(size) = size {
        file.set_len(size)?;
    }
    Ok(file.into())
}

fn resource_limits(limits: &Limits) -> Vec<(i64, u64, u64)> {
    let same = |resource, value: Option<u64>| value.map(|value| (resource, value, value));
    // SIGXCPU at the soft limit names the reason; at the hard one there is only SIGKILL.
    let cpu = limits.cpu_time.map(|time| time.as_secs().max(1));
    [
        same(i64::from(libc::RLIMIT_AS), limits.address_space),
        cpu.map(|seconds| (i64::from(libc::RLIMIT_CPU), seconds, seconds.saturating_add(5))),
        same(i64::from(libc::RLIMIT_NOFILE), limits.open_files),
        same(i64::from(libc::RLIMIT_CORE), limits.core_dump),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named_with_where_it_was_looked_for() {
        let error = find_program(Path::new("no-such-program"), Some(OsStr::new("/bin:/nowhere"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-program` was not found in `PATH` (`/bin:/nowhere`)"
        );
        assert!(is_permanent(&error));
    }

    #[test]
    fn a_nul_character_is_an_error_that_says_where() {
        let mut spec = Spec::new("/bin/true");
        spec.args = vec!["a\0b".into()];
        let error = spawn(&spec, 0).unwrap_err();
        assert_eq!(error.to_string(), "`args` has a NUL character: \"a\\0b\"");
    }
}
