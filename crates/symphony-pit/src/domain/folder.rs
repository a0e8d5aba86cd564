//! The folder of a domain: where it is, whether it may be there, whose it is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use super::sys::ClosedInChildren;
use crate::error::{PitCode, PitError, Result};

/// The variable that names the folder to child processes.
pub const FOLDER_VARIABLE: &str = "PIT_DIR";

/// The folder's name in a project.
const NAME: &str = ".pit";

/// What marks the top of a project.
const MARKS: [&str; 2] = ["package.json", "pyproject.toml"];

/// The folder of the project that `from` is in.
///
/// # Errors
/// Neither `from` nor a folder above it has a `package.json` or `pyproject.toml`.
pub fn locate(from: &Path) -> Result<PathBuf> {
    from.ancestors()
        .find(|folder| MARKS.iter().any(|mark| folder.join(mark).is_file()))
        .map(|project| project.join(NAME))
        .ok_or_else(|| {
            PitError::domain(
                PitCode::NotFound,
                format!(
                    "no `package.json` or `pyproject.toml` in `{}` or above it, so there is no project to keep state in; \
                     name a folder, or set `{FOLDER_VARIABLE}`",
                    from.display()
                ),
            )
        })
}

/// What keeps files, as far as shared memory and locks are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filesystem {
    Local,
    /// Locks or mapped memory are not those of other machines, or not at all.
    Network(&'static str),
    /// Gone after a restart.
    Memory,
}

#[cfg(target_os = "linux")]
fn classify(kind: u64) -> Filesystem {
    // From linux/magic.h and the sources of those that are not in it.
    match kind & 0xffff_ffff {
        0x6969 => Filesystem::Network("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Filesystem::Network("SMB"),
        0x00c3_6400 => Filesystem::Network("Ceph"),
        0x0102_1997 => Filesystem::Network("9P"),
        0x6573_5546 => Filesystem::Network("FUSE"),
        0x5346_414f | 0x6b41_4653 => Filesystem::Network("AFS"),
        0x7375_7245 => Filesystem::Network("Coda"),
        0x0bd0_0bd0 => Filesystem::Network("Lustre"),
        0x4750_4653 => Filesystem::Network("GPFS"),
        0x7461_636f => Filesystem::Network("OCFS2"),
        0x0116_1970 => Filesystem::Network("GFS2"),
        0x0102_1994 | 0x8584_58f6 => Filesystem::Memory,
        _ => Filesystem::Local,
    }
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_sign_loss, reason = "a number of 32 bits, whatever the field's type")]
fn filesystem(folder: &Path) -> io::Result<Filesystem> {
    Ok(classify(rustix::fs::statfs(folder)?.f_type as u64))
}

#[cfg(not(target_os = "linux"))]
fn filesystem(_folder: &Path) -> io::Result<Filesystem> {
    Ok(Filesystem::Local)
}

fn check_filesystem(folder: &Path, filesystem: Filesystem) -> Result<()> {
    let problem = match filesystem {
        Filesystem::Local => return Ok(()),
        Filesystem::Network(name) => format!(
            "`{}` is on a network file system ({name}), where memory and locks are not shared as they must be",
            folder.display()
        ),
        Filesystem::Memory => format!("`{}` is in memory, where nothing durable can be kept", folder.display()),
    };
    Err(PitError::domain(
        PitCode::InvalidArgument,
        format!("{problem}; choose a folder on a local disk, or allow any file system in the options"),
    ))
}

/// Makes the folder if it is not there, and gives its real path.
pub(crate) fn prepare(folder: &Path, any_filesystem: bool) -> Result<PathBuf> {
    let failed = |doing: &str, error| PitError::io(doing, folder, error);
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed("make the folder", error)),
        _ => {}
    }
    let real = folder.canonicalize().map_err(|error| failed("find", error))?;
    let metadata = fs::metadata(&real).map_err(|error| failed("inspect", error))?;
    if !metadata.is_dir() {
        return Err(PitError::domain(
            PitCode::InvalidArgument,
            format!("`{}` is not a folder", folder.display()),
        ));
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(PitError::domain(
            PitCode::InvalidArgument,
            format!(
                "`{}` belongs to user {}, and this process runs as user {user}; a domain is for the processes of one user",
                folder.display(),
                metadata.uid()
            ),
        ));
    }
    if !any_filesystem {
        check_filesystem(&real, filesystem(&real).map_err(|error| failed("inspect", error))?)?;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(&real, fs::Permissions::from_mode(0o700))
            .map_err(|error| failed("protect from other users the folder", error))?;
    }
    for name in ["live", "run", "keep"] {
        let inner = real.join(name);
        match DirBuilder::new().mode(0o700).create(&inner) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(PitError::io("make the folder", &inner, error));
            }
            _ => {}
        }
    }
    let ignore = real.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "# State of running programs\n*\n")
            .map_err(|error| PitError::io("write", &ignore, error))?;
    }
    Ok(real)
}

/// Opens a file for reading and writing, and makes it if it is not there.
pub(crate) fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| PitError::io("open", path, error))
}

/// Writes a file so that others see all of it or nothing.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        let _leftover = fs::remove_file(&temporary);
        PitError::io("write", path, error)
    })
}

/// A lock on a file, gone when this process is, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    // Before the file: what is closed in children must not be after it is closed here.
    _closed: ClosedInChildren,
    file: File,
}

impl Lock {
    /// Takes the lock, or says that somebody has it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                use std::os::fd::AsFd;
                let closed = ClosedInChildren::new(file.as_fd());
                Ok(Some(Self { _closed: closed, file }))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(PitError::io("lock", path, error.into())),
        }
    }

    /// Takes the lock when it is free, and gives up after `patience`.
    pub(crate) fn take(path: &Path, patience: Duration) -> Result<Self> {
        let until = Instant::now() + patience;
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if Instant::now() > until {
                return Err(PitError::domain(
                    PitCode::Timeout,
                    format!(
                        "`{}` has been locked by another process for {patience:?}",
                        path.display()
                    ),
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Explicitly: a child that is being started may have a copy of the descriptor for a moment.
        let _closing_unlocks = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_found_from_any_depth() {
        let project = tempfile::tempdir().unwrap();
        let deep = project.path().join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        for mark in MARKS {
            let mark = project.path().join(mark);
            fs::write(&mark, "").unwrap();
            assert_eq!(locate(&deep).unwrap(), project.path().join(".pit"));
            fs::remove_file(mark).unwrap();
        }
        let error = locate(&deep).unwrap_err();
        assert_eq!(error.code(), PitCode::NotFound);
        assert!(error.to_string().contains("pyproject.toml"), "{error}");
    }

    #[test]
    fn a_folder_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new");
        prepare(&folder, true).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        prepare(&folder, true).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(folder.join(".gitignore").exists());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn network_file_systems_are_refused_by_name() {
        for (kind, name) in [(0x6969, "NFS"), (0xff53_4d42, "SMB"), (0x6573_5546, "FUSE")] {
            let error = check_filesystem("/x".as_ref(), classify(kind)).unwrap_err();
            assert_eq!(error.code(), PitCode::InvalidArgument);
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = check_filesystem("/x".as_ref(), classify(0x0102_1994)).unwrap_err();
        assert!(error.to_string().contains("in memory"), "{error}");
        assert!(check_filesystem("/x".as_ref(), classify(0xef53)).is_ok());
    }

    #[test]
    fn what_cannot_be_a_folder_is_an_error_with_its_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = prepare(file.path(), true).unwrap_err();
        assert_eq!(error.code(), PitCode::InvalidArgument);
        let error = prepare(&file.path().join("below"), true).unwrap_err();
        assert_eq!(error.code(), PitCode::InvalidArgument, "{error}");
        assert!(error.to_string().contains("below"));
    }

    #[test]
    fn a_lock_is_held_once_even_in_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, Duration::ZERO).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(lock);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
