//! A store in a folder of its own.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use symphony_pit::domain::{AttachOptions, Domain};
use symphony_pit::store::{ArtifactStore, Description, Digest, PutOptions, StoreOptions};
use symphony_pit::{ArtifactId, PitCode, Result};

/// A store, and the folder that goes with it.
pub(crate) struct Fixture {
    store: Arc<ArtifactStore>,
    folder: tempfile::TempDir,
}

impl Deref for Fixture {
    type Target = Arc<ArtifactStore>;
    fn deref(&self) -> &Arc<ArtifactStore> {
        &self.store
    }
}

pub(crate) fn open(folder: &Path) -> Arc<ArtifactStore> {
    // Temporary folders may be in memory, which matters to none of these tests.
    let mut options = AttachOptions::default();
    options.any_filesystem = true;
    let domain = Domain::attach(folder, &options).unwrap();
    ArtifactStore::open(&domain, &StoreOptions::default()).unwrap()
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: open(folder.path()),
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the domain and comes back as another process would, with nothing remembered.
    pub(crate) fn reopen(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self {
            store: open(folder.path()),
            folder,
        }
    }

    /// Comes back after the machine was started again: without `hot.map` of this run, the domain empties what does not
    /// survive that.
    pub(crate) fn restart(self) -> Self {
        self.sync().unwrap();
        let Self { store, folder } = self;
        drop(store);
        fs::remove_file(folder.path().join("hot.map")).unwrap();
        Self {
            store: open(folder.path()),
            folder,
        }
    }

    /// Puts bytes of which nothing is said.
    pub(crate) fn add(&self, bytes: &[u8]) -> ArtifactId {
        self.put(bytes, &Description::default(), &PutOptions::default())
            .unwrap()
            .id
    }

    pub(crate) fn file(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let folder = self.folder().join("cas").join(&hex[..2]);
        let mut found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        found
            .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&hex))
            .expect("there is a file")
    }
}

/// The files in a folder and below it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Changes a file that is not to be changed, as a failing disk does.
pub(crate) fn damage(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Why it failed.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T>) -> PitCode {
    result.unwrap_err().code()
}

/// Bytes that do not compress, different for each seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
