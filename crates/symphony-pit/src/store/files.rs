//! Content files: where they are, how they come to be, how they are read.
//!
//! ```text
//! cas/3f/3f07…c2.blake3       the bytes as they are, mapped to be read
//! cas/3f/3f9a…07.blake3.zst   compressed by Zstandard
//! cas/new/<unique>            being written; locked by its writer, so that anybody can remove what a dead one left
//! ```
//!
//! A content file appears complete, by being given its name, and never changes. The file is there before any record names it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use memmap2::Mmap;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::digest::{ContentKey, Digest, Hasher};
use crate::error::{PitCode, PitError, Result};
use crate::ids::Id128;

/// Bytes that are read or written at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// How many files are remembered to be sound before that is forgotten. Bounds memory, not correctness.
const REMEMBERED: usize = 1 << 16;

/// How content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Encoding {
    /// As it is.
    #[default]
    Raw,
    /// Compressed by Zstandard.
    Zstd,
}

/// When content that is read is compared with its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Verification {
    /// When this process first reads the file, and when the file has changed since. Costs 0.3 ms for 2^20 bytes, once.
    #[default]
    Once,
    /// Each time.
    Always,
    /// Never. The size is still compared.
    Never,
}

/// Which file it was, and when it was last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// The folder of content files.
pub(super) struct Files {
    folder: PathBuf,
    /// Files that this process has compared with their digests.
    sound: Mutex<HashMap<PathBuf, Identity>>,
}

impl Files {
    pub(super) fn open(domain: &Path) -> Result<Self> {
        let folder = domain.join("cas");
        let make = |path: &Path| match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed("make the folder", path, error)),
            _ => Ok(()),
        };
        // Last in order, so that all are there if it is.
        if !folder.join("new").is_dir() {
            make(&folder)?;
            for first in 0..=u8::MAX {
                make(&folder.join(format!("{first:02x}")))?;
            }
            sync_folder(&folder)?;
            make(&folder.join("new"))?;
            sync_folder(domain)?;
        }
        Ok(Self {
            folder,
            sound: Mutex::default(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, digest: &Digest, encoding: Encoding) -> PathBuf {
        let hex = digest.hex();
        let end = match encoding {
            Encoding::Raw => "",
            Encoding::Zstd => ".zst",
        };
        self.folder
            .join(&hex[..2])
            .join(format!("{hex}.{}{end}", digest.algo.name()))
    }

    /// A new file that nobody sees.
    pub(super) fn temporary(&self) -> Result<Temporary> {
        loop {
            let path = self.folder.join("new").join(Id128::new().to_string());
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(|error| failed("make", &path, error))?;
            // Between making and locking it, somebody who cleans up may take it for a dead one's.
            let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
            let linked = file
                .metadata()
                .map_err(|error| failed("inspect", &path, error))?
                .nlink()
                > 0;
            if locked && linked {
                return Ok(Temporary {
                    file,
                    path,
                    process: std::process::id(),
                    published: false,
                });
            }
            let _taken = fs::remove_file(&path);
        }
    }

    /// Removes the unfinished files of writers that have died. Gives how many there were.
    pub(super) fn clear_temporaries(&self) -> Result<usize> {
        let folder = self.folder.join("new");
        let entries = fs::read_dir(&folder).map_err(|error| failed("list", &folder, error))?;
        let mut cleared = 0;
        for path in entries.flatten().map(|entry| entry.path()) {
            // One that cannot be opened has just been renamed or removed.
            let Ok(file) = File::open(&path) else { continue };
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                cleared += usize::from(fs::remove_file(&path).is_ok());
            }
        }
        Ok(cleared)
    }

    /// The content files, in no order, by the digest's key and encoding.
    pub(super) fn list(&self) -> Result<Vec<(ContentKey, Encoding, PathBuf)>> {
        let mut found = Vec::new();
        for first in 0..=u8::MAX {
            let folder = self.folder.join(format!("{first:02x}"));
            let entries = fs::read_dir(&folder).map_err(|error| failed("list", &folder, error))?;
            for path in entries.flatten().map(|entry| entry.path()) {
                found.extend(parse_name(&path).map(|(key, encoding)| (key, encoding, path)));
            }
        }
        Ok(found)
    }

    /// Opens a content file, compares its length with what the records say, and its bytes with the digest if that is due.
    fn open_checked(&self, digest: &Digest, stored: &Stored, verification: Verification) -> Result<(PathBuf, File)> {
        let path = self.path(digest, stored.encoding);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(digest, &path, "is not there").with_source(error));
            }
            Err(error) => return Err(failed("open", &path, error)),
        };
        let metadata = file.metadata().map_err(|error| failed("inspect", &path, error))?;
        if metadata.len() != stored.size {
            let what = format!("has {} bytes instead of {}", metadata.len(), stored.size);
            return Err(damaged(digest, &path, &what));
        }
        let identity = Identity::of(&metadata);
        let due = match verification {
            Verification::Always => true,
            Verification::Never => false,
            Verification::Once => {
                let sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
                sound.get(&path) != Some(&identity)
            }
        };
        if due {
            let found = hash_file(&path, &file, digest, stored.encoding)?;
            if found != *digest {
                self.forget(&path);
                return Err(PitError::store(
                    PitCode::HashMismatch,
                    format!(
                        "content `{digest}` is damaged: the bytes in `{}` are those of `{found}`; put the content again \
                         to repair it",
                        path.display()
                    ),
                ));
            }
            self.remember(path.clone(), identity);
        }
        Ok((path, file))
    }

    /// Whether the file can be relied on. What this process has seen is not looked at again.
    pub(super) fn is_sound(&self, digest: &Digest, stored: &Stored) -> Result<bool> {
        match self.open_checked(digest, stored, Verification::Once) {
            Ok(_) => Ok(true),
            Err(error) if is_damage(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Compares a file with its digest.
    pub(super) fn verify(&self, digest: &Digest, stored: &Stored) -> Result<()> {
        self.open_checked(digest, stored, Verification::Always).map(drop)
    }

    /// Reads a content, or the part of it from `offset` on that is `length` bytes long.
    pub(super) fn read(
        &self,
        digest: &Digest,
        stored: &Stored,
        range: Option<(u64, u64)>,
        verification: Verification,
    ) -> Result<Content> {
        let (path, file) = self.open_checked(digest, stored, verification)?;
        let (offset, length) = range.unwrap_or((0, u64::MAX));
        let length = length.min(digest.size.saturating_sub(offset));
        if length == 0 {
            return Ok(Content::owned(Vec::new()));
        }
        match stored.encoding {
            Encoding::Raw => {
                // SAFETY: content files are not changed after they were renamed to their names; they are replaced by others
                // and removed, which leaves a mapping as it is. The folder is its owner's alone.
                let map = unsafe { Mmap::map(&file) }.map_err(|error| failed("map", &path, error))?;
                Ok(Content::mapped(map).slice(offset, length))
            }
            Encoding::Zstd => {
                let decode = || {
                    let mut decoder = zstd::stream::read::Decoder::new(&file)?;
                    io::copy(&mut decoder.by_ref().take(offset), &mut io::sink())?;
                    let mut bytes = Vec::new();
                    let space = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
                    bytes.try_reserve_exact(space).map_err(|_| io::ErrorKind::OutOfMemory)?;
                    decoder.take(length).read_to_end(&mut bytes)?;
                    Ok(bytes)
                };
                let bytes = decode().map_err(|error: io::Error| match error.kind() {
                    io::ErrorKind::OutOfMemory => PitError::store(
                        PitCode::ResourceExhausted,
                        format!("there is no memory for the {length} bytes of `{digest}`; read ranges of it"),
                    ),
                    _ => damaged(digest, &path, "cannot be decoded").with_source(error),
                })?;
                if bytes.len() as u64 != length {
                    return Err(damaged(digest, &path, "ends too early"));
                }
                Ok(Content::owned(bytes))
            }
        }
    }

    /// Whether the file is there and has this size. Costs one system call.
    pub(super) fn is_there(&self, digest: &Digest, stored: &Stored) -> bool {
        fs::metadata(self.path(digest, stored.encoding)).is_ok_and(|metadata| metadata.len() == stored.size)
    }

    pub(super) fn remove(&self, digest: &Digest, encoding: Encoding) -> bool {
        let path = self.path(digest, encoding);
        self.forget(&path);
        fs::remove_file(path).is_ok()
    }

    /// Makes what is written survive a power cut.
    pub(super) fn sync(&self, digest: &Digest, encoding: Encoding) -> Result<()> {
        let path = self.path(digest, encoding);
        let sync = || File::open(&path)?.sync_data();
        sync().map_err(|error| failed("sync", &path, error))?;
        sync_folder(path.parent().unwrap_or(&self.folder))
    }

    fn remember(&self, path: PathBuf, identity: Identity) {
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if sound.len() >= REMEMBERED {
            sound.clear();
        }
        sound.insert(path, identity);
    }

    fn forget(&self, path: &Path) {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}

/// How a content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) encoding: Encoding,
    /// Bytes of the file.
    pub(super) size: u64,
}

/// A file that is being written. Removed with this value, or after the process's death by anybody.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: PathBuf,
    process: u32,
    published: bool,
}

impl Temporary {
    /// Gives the file its name, unless a sound file of this content has it, which then stays; gives the size of the one that
    /// has it. A sound file is never replaced, because others may be about to say how large it is. Can be repeated, should
    /// somebody remove the file before a record names it.
    pub(super) fn publish(
        &mut self,
        files: &Files,
        digest: &Digest,
        encoding: Encoding,
        durable: bool,
    ) -> Result<Stored> {
        let path = files.path(digest, encoding);
        let failed = |error| failed("write", &path, error);
        self.file
            .set_permissions(Permissions::from_mode(0o400))
            .map_err(failed)?;
        if durable {
            self.file.sync_data().map_err(failed)?;
        }
        let linked = fs::hard_link(&self.path, &path);
        if matches!(&linked, Err(error) if error.kind() == io::ErrorKind::AlreadyExists)
            && let Ok(metadata) = fs::metadata(&path)
        {
            let stored = Stored {
                encoding,
                size: metadata.len(),
            };
            if files.is_sound(digest, &stored)? {
                if durable {
                    files.sync(digest, encoding)?;
                }
                return Ok(stored);
            }
        }
        if linked.is_err() {
            // What has the name is worth nothing, or there are no links here.
            let second = files.folder.join("new").join(Id128::new().to_string());
            if fs::hard_link(&self.path, &second).is_ok() {
                fs::rename(&second, &path).map_err(failed)?;
            } else {
                fs::rename(&self.path, &path).map_err(failed)?;
                self.published = true;
            }
        }
        if durable {
            sync_folder(path.parent().unwrap_or(&files.folder))?;
        }
        let metadata = self.file.metadata().map_err(failed)?;
        files.remember(path, Identity::of(&metadata));
        Ok(Stored {
            encoding,
            size: metadata.len(),
        })
    }

    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()
    }
}

impl io::Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A forked child that drops its copy of a buffer would write what the parent writes, too.
        if self.process != std::process::id() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // In a forked child it is the parent's.
        if !self.published && self.process == std::process::id() {
            let _gone = fs::remove_file(&self.path);
        }
    }
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|error| failed("sync", folder, error))
}

fn hash_file(path: &Path, mut file: &File, digest: &Digest, encoding: Encoding) -> Result<Digest> {
    let mut hasher = Hasher::new(digest.algo);
    let mut buffer = vec![0; CHUNK.min(usize::try_from(digest.size).unwrap_or(CHUNK)).max(1)];
    let mut hash = |source: &mut dyn Read| loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    match encoding {
        Encoding::Raw => hash(&mut file).map_err(|error| failed("read", path, error))?,
        Encoding::Zstd => zstd::stream::read::Decoder::new(file)
            .and_then(|mut decoder| hash(&mut decoder))
            .map_err(|error| damaged(digest, path, "cannot be decoded").with_source(error))?,
    }
    Ok(hasher.finish())
}

fn parse_name(path: &Path) -> Option<(ContentKey, Encoding)> {
    let name = path.file_name()?.to_str()?;
    let (name, encoding) = match name.strip_suffix(".zst") {
        Some(name) => (name, Encoding::Zstd),
        None => (name, Encoding::Raw),
    };
    let (hex, algo) = name.split_once('.')?;
    let digest: Digest = format!("{algo}:{hex}/0").parse().ok()?;
    Some((digest.key(), encoding))
}

fn damaged(digest: &Digest, path: &Path, what: &str) -> PitError {
    PitError::store(
        PitCode::Corrupted,
        format!(
            "content `{digest}` is damaged: `{}` {what}; put the content again to repair it",
            path.display()
        ),
    )
}

/// Whether it says that a content file is not what it should be.
pub(super) fn is_damage(error: &PitError) -> bool {
    matches!(error.code(), PitCode::Corrupted | PitCode::HashMismatch)
}

/// What the system says about a file of the store.
pub(super) fn failed(doing: &str, path: &Path, error: io::Error) -> PitError {
    let found = PitError::io(doing, path, error);
    let too_large = std::error::Error::source(&found)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|error| error.kind() == io::ErrorKind::FileTooLarge);
    // What limits a file's size limits the space that the store has.
    let code = if too_large { PitCode::StorageFull } else { found.code() };
    PitError::store(code, found.message()).with_source(found)
}
