//! The artifact store: content that is kept once, what is said of it, its versions, and where it comes from.
//!
//! ```text
//! artifact   an identifier, what is said of it, and the digest of its content; a new one for each put
//! content    the bytes of a digest, in one file, whichever artifacts have them
//! line       the versions of something, each an artifact; a name and the number of the last one
//! ```
//!
//! # What can be relied on
//!
//! * Content never changes. It is compared with its digest when a process first reads it; damage is an error of that content
//!   alone, and putting the same bytes again repairs it.
//! * A put is there as a whole or not at all, whoever is killed when. What a killed writer leaves is not visible, and removed
//!   by anybody.
//! * What a call has changed survives the death of any process when it returns. It survives a power cut then, too, if it was a
//!   put as durable, and otherwise after [`ArtifactStore::sync`]; records are copied to disk in the background anyway, content
//!   is left to the system. What a power cut takes of content is noticed when it is read, and records are as they were at some
//!   time before.
//! * Processes may put, change and delete at a time. A new version can demand which one it follows.
//!
//! # Costs and threads
//!
//! Everything can be used from any thread. Reading records costs microseconds and waits for nobody. Reading content costs some
//! 20 us for a map of it, whatever its size, and once a process 0.3 ms for 2^20 bytes to compare it with its digest; compressed
//! content is decoded each time. Changes cost some 20 us, wait for other processes' changes, and for the disk if they are to be
//! durable: they are not for the thread of an event loop. Those that come at a time from many threads share that wait. One
//! thread belongs to a store, which copies records to disk.
//!
//! # What is not here
//!
//! Encryption at rest, search in content and remote tiers are refused by name. Reclaiming the space of content that no
//! artifact has any more is not done here, either.

mod commits;
mod content;
mod describe;
mod diff;
mod digest;
mod files;
mod index;
mod ledger;
mod lineage;
mod memo;
mod put;
mod records;
mod replica;
mod search;
mod verify;
mod versions;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

pub use content::Content;
pub use describe::LabelChange;
pub use diff::{ContentDiff, Diff};
pub use digest::{Digest, HashAlgo};
pub use files::{Encoding, Verification};
pub use lineage::{Direction, Edge, Lineage, MAX_LINEAGE};
pub use memo::Memo;
pub use put::{ContentWriter, Source};
pub use records::{
    ArtifactMeta, ContentInfo, DedupStats, Description, Hold, LinePlace, Parent, PutOptions, PutResult, QualityScore,
    Tombstone,
};
pub use search::{Matches, Order, SearchQuery};
pub use verify::{Damage, SweepReport, VerifyReport};
pub use versions::{ArtifactVersion, Line, NewVersion};

use crate::domain::{Attendant, Domain, Reader, Table};
use crate::error::{PitCode, PitError, Result};
use crate::ids::ArtifactId;
use crate::time::{BootId, Mono};
use commits::Commits;
use files::Files;
use ledger::{ContentRecord, deleted, not_found};
use records::invalid;
use replica::Signal;

/// How often it is looked for what dead writers have left.
const CLEARING: Duration = Duration::from_secs(10);

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Refused: content is not encrypted. Put it on an encrypted disk.
    pub encryption: Option<String>,
    /// Refused: content is kept on this machine alone.
    pub remote: Option<String>,
}

/// An artifact, or a content whichever artifact has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reference {
    /// The artifact.
    Artifact(ArtifactId),
    /// The content.
    Content(Digest),
}

impl From<ArtifactId> for Reference {
    fn from(id: ArtifactId) -> Self {
        Self::Artifact(id)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Content(digest)
    }
}

/// The artifacts of a domain. See the module.
pub struct ArtifactStore {
    domain: Arc<Domain>,
    files: Arc<Files>,
    commits: Commits,
    boot: BootId,
    /// Called by the keeper as long as this is.
    _clearing: Arc<Clearing>,
}

impl std::fmt::Debug for ArtifactStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ArtifactStore")
            .field("folder", &self.files.folder())
            .finish_non_exhaustive()
    }
}

impl ArtifactStore {
    /// Opens the store of a domain, and removes what dead writers have left. One is enough for a process: changes that go
    /// through the same one share commits. Costs some milliseconds the first time, for the folders. Blocks: not on the thread of
    /// an event loop.
    ///
    /// # Errors
    /// * `InvalidArgument`: an option asks for what there is not.
    /// * `StorageFull`, `ReadOnly`: the folders cannot be made.
    /// * `NotAttached`, `ForkedHandle`.
    pub fn open(domain: &Arc<Domain>, options: &StoreOptions) -> Result<Arc<Self>> {
        if options.encryption.is_some() {
            return Err(invalid(
                "`encryption`: encryption at rest is not part of this version; put the folder on an encrypted disk",
            ));
        }
        if options.remote.is_some() {
            return Err(invalid(
                "`remote`: remote tiers are not part of this version; content is kept on this machine",
            ));
        }
        domain.shared().check()?;
        let files = Arc::new(Files::open(domain.folder())?);
        files.clear_temporaries()?;
        let commits = Commits::new(Arc::clone(domain))?;
        let clearing = Arc::new(Clearing {
            files: Arc::clone(&files),
            signal: Arc::clone(commits.signal()),
            next: Mutex::default(),
        });
        let attendant: Weak<Clearing> = Arc::downgrade(&clearing);
        domain.attend(attendant);
        Ok(Arc::new(Self {
            domain: Arc::clone(domain),
            files,
            commits,
            boot: BootId::current(),
            _clearing: clearing,
        }))
    }

    /// Its domain.
    pub fn domain(&self) -> &Arc<Domain> {
        &self.domain
    }

    /// Waits until everything that any process changed before is on disk: records, not content that was not put as durable.
    /// Costs a sync of the disk, 0.3 ms and more. Blocks: not on the thread of an event loop.
    ///
    /// # Errors
    /// `StorageFull`; what else the records' store says.
    pub fn sync(&self) -> Result<()> {
        self.commits.sync()
    }

    /// What is known of an artifact, also after it was deleted. Costs a few microseconds.
    ///
    /// # Errors
    /// `NotFound` if there never was such an artifact; what the records' store says.
    pub fn meta(&self, id: ArtifactId) -> Result<ArtifactMeta> {
        self.read(|reader| commits::read(reader, Table::Artifacts, &id.0.bytes())?.ok_or_else(|| not_found(id)))
    }

    /// How the content is kept. Costs a few microseconds.
    ///
    /// # Errors
    /// As [`Self::get`], but for what is wrong with the file.
    pub fn info(&self, artifact: Reference) -> Result<ContentInfo> {
        Ok(self.locate(artifact)?.1.info())
    }

    /// The content, mapped from its file; decoded if it is compressed. Compared with its digest when this process first reads
    /// it. Costs some 20 us then, whatever the size. The first time, not on the thread of an event loop if it may be large.
    ///
    /// # Errors
    /// * `NotFound`: there is no such artifact, it was deleted, or no artifact has this content.
    /// * `HashMismatch`, `Corrupted`: the file is damaged. Others are not affected; putting the same content repairs it.
    /// * `NotAttached`, `ForkedHandle`.
    pub fn get(&self, artifact: impl Into<Reference>) -> Result<Content> {
        self.get_with(artifact, Verification::default())
    }

    /// The content, compared with its digest as said.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_with(&self, artifact: impl Into<Reference>, verification: Verification) -> Result<Content> {
        self.read_content(artifact.into(), None, verification)
    }

    /// A part of the content, `length` bytes from `offset` on, or as many as there are. Costs what [`Self::get`] does, but
    /// only the part takes memory.
    ///
    /// # Errors
    /// As [`Self::get`]; `InvalidArgument` if the content ends before `offset`.
    pub fn get_range(&self, artifact: impl Into<Reference>, offset: u64, length: u64) -> Result<Content> {
        self.read_content(artifact.into(), Some((offset, length)), Verification::default())
    }

    fn read_content(
        &self,
        artifact: Reference,
        range: Option<(u64, u64)>,
        verification: Verification,
    ) -> Result<Content> {
        // Whoever replaces a damaged file by one that is kept otherwise removes the old one: then the record says where to look.
        let mut before = None;
        loop {
            let (digest, content) = self.locate(artifact)?;
            if let Some((offset, _)) = range.filter(|(offset, _)| *offset > digest.size) {
                return Err(invalid(format!(
                    "`offset` is {offset}, and the content has {} bytes",
                    digest.size
                )));
            }
            let lost = content.unsynced_since.is_some_and(|boot| boot != self.boot.0);
            let verification = match verification {
                // The machine has restarted since it was written: its bytes may be others.
                Verification::Never if lost => Verification::Once,
                verification => verification,
            };
            match self.files.read(&digest, &content.stored(), range, verification) {
                Err(error) if files::is_damage(&error) && before.as_ref() != Some(&content) => before = Some(content),
                result => return result,
            }
        }
    }

    fn locate(&self, artifact: Reference) -> Result<(Digest, ContentRecord)> {
        self.read(|reader| {
            let digest = match artifact {
                Reference::Content(digest) => digest,
                Reference::Artifact(id) => {
                    let meta: Option<ArtifactMeta> = commits::read(reader, Table::Artifacts, &id.0.bytes())?;
                    let meta = meta.ok_or_else(|| not_found(id))?;
                    if let Some(time) = meta.deleted {
                        return Err(deleted(id, time));
                    }
                    meta.digest
                }
            };
            let content: Option<ContentRecord> = commits::read(reader, Table::Contents, &digest.key().0)?;
            content
                .filter(|content| content.size == digest.size && content.references > 0)
                .map(|content| (digest, content))
                .ok_or_else(|| PitError::store(PitCode::NotFound, format!("no artifact has the content `{digest}`")))
        })
    }

    fn check(&self) -> Result<()> {
        self.domain.shared().check()
    }

    fn read<T>(&self, read: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
        self.check()?;
        self.domain.run().read(read)
    }
}

/// What the keeper does for a store at times. Knows no domain, so that the keeper never has the last reference to one.
struct Clearing {
    files: Arc<Files>,
    signal: Arc<Signal>,
    next: Mutex<Mono>,
}

impl Attendant for Clearing {
    fn attend(&self, now: Mono) -> Option<Mono> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= *next {
            *next = now.after(CLEARING);
            // What cannot be removed now can be later; there is nobody to tell.
            let _later = self.files.clear_temporaries();
            self.signal.copy();
        }
        Some(*next)
    }

    fn end(&self) {}
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::{AttachOptions, Durability};

    fn open(folder: &std::path::Path, boot: Option<BootId>) -> Arc<ArtifactStore> {
        let options = AttachOptions {
            any_filesystem: true,
            ..AttachOptions::default()
        };
        let domain = Domain::attach(folder, &options).unwrap();
        let store = ArtifactStore::open(&domain, &StoreOptions::default()).unwrap();
        match boot {
            None => store,
            Some(boot) => Arc::new(ArtifactStore {
                boot,
                ..Arc::try_unwrap(store).unwrap()
            }),
        }
    }

    #[test]
    fn what_was_not_synced_is_looked_at_after_the_machine_has_restarted_even_if_told_not_to() {
        let folder = tempfile::tempdir().unwrap();
        let before = open(folder.path(), Some(BootId([7; 16])));
        let durable = PutOptions {
            durability: Durability::Durable,
            ..PutOptions::default()
        };
        let put = |store: &ArtifactStore, bytes: &[u8], options: &PutOptions| {
            store.put(bytes, &Description::default(), options).unwrap()
        };
        let lost = put(&before, b"not synced", &PutOptions::default());
        let kept = put(&before, b"synced", &durable);
        drop(before);

        let store = open(folder.path(), None);
        assert!(!store.info(lost.id.into()).unwrap().durable);
        assert!(store.info(kept.id.into()).unwrap().durable);
        // What a power cut leaves of a file that was not synced: its length.
        let path = store.files.path(&lost.digest, Encoding::Raw);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [0; 10]).unwrap();
        let read = || store.get_with(lost.id, Verification::Never);
        assert_eq!(read().unwrap_err().code(), PitCode::HashMismatch);
        assert_eq!(&*store.get_with(kept.id, Verification::Never).unwrap(), b"synced");
        put(&store, b"not synced", &durable);
        assert_eq!(&*read().unwrap(), b"not synced");
        assert!(store.info(lost.id.into()).unwrap().durable);
    }
}
