//! The changes that artifacts go through, each one transaction: everything is looked at before anything is changed.
//!
//! A file is there before a record names it, and it is looked for in the transaction that names it. So whoever removes a
//! file that no record names does so in a transaction, too, and is never wrong.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::commits::Transaction;
use super::digest::Digest;
use super::files::{Encoding, Files, Stored};
use super::index::{TOTALS, postings};
use super::lineage;
use super::records::{
    ArtifactMeta, ContentInfo, DedupStats, Description, Hold, LinePlace, PutResult, Tombstone, invalid,
};
use super::versions::{self, NewVersion};
use crate::domain::Table;
use crate::error::{PitCode, PitError, Result};
use crate::ids::ArtifactId;
use crate::time::{BootId, Wall};

/// What is kept of a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContentRecord {
    pub(super) encoding: Encoding,
    pub(super) size: u64,
    pub(super) stored_size: u64,
    pub(super) references: u64,
    /// The run of the machine in which it was written, unless it was synced: after another start, it may not be what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unsynced_since: Option<[u8; 16]>,
}

impl ContentRecord {
    pub(super) fn stored(&self) -> Stored {
        Stored {
            encoding: self.encoding,
            size: self.stored_size,
        }
    }

    pub(super) fn info(&self) -> ContentInfo {
        ContentInfo {
            encoding: self.encoding,
            size: self.size,
            stored_size: self.stored_size,
            references: self.references,
            durable: self.unsynced_since.is_none(),
        }
    }
}

/// What is to be recorded of a put.
#[derive(Debug, Clone)]
pub(super) struct NewArtifact {
    pub(super) id: ArtifactId,
    pub(super) digest: Digest,
    pub(super) created: Wall,
    pub(super) description: Description,
    pub(super) version: Option<NewVersion>,
    pub(super) durable: bool,
}

/// What was done with files before a put is recorded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prepared {
    /// The file that was written, or found under the name.
    pub(super) written: Option<Stored>,
    /// A file that was found and is not what it should be.
    pub(super) unsound: Option<Encoding>,
    /// The file that was synced.
    pub(super) synced: Option<Encoding>,
}

pub(super) fn not_found(id: ArtifactId) -> PitError {
    PitError::store(PitCode::NotFound, format!("there is no artifact `{id}`"))
}

pub(super) fn deleted(id: ArtifactId, deleted: Wall) -> PitError {
    let seconds = deleted.0 / 1_000_000;
    PitError::store(
        PitCode::NotFound,
        format!("artifact `{id}` was deleted, {seconds} seconds after the beginning of 1970"),
    )
}

/// An artifact that is there and not deleted.
fn present(transaction: &Transaction<'_, '_>, id: ArtifactId) -> Result<ArtifactMeta> {
    let meta: ArtifactMeta = transaction
        .get(Table::Artifacts, &id.0.bytes())?
        .ok_or_else(|| not_found(id))?;
    match meta.deleted {
        Some(time) => Err(deleted(id, time)),
        None => Ok(meta),
    }
}

/// Records an artifact. `None` if the files are not as they were when it was prepared, and it must be prepared again.
pub(super) fn put(
    transaction: &mut Transaction<'_, '_>,
    files: &Files,
    boot: BootId,
    new: &NewArtifact,
    prepared: Prepared,
) -> Result<Option<PutResult>> {
    let NewArtifact {
        id,
        digest,
        description,
        ..
    } = new;
    for parent in &description.parents {
        if !transaction.contains(Table::Artifacts, &parent.id.0.bytes())? {
            return Err(not_found(parent.id));
        }
    }
    let version = match &new.version {
        Some(version) => Some(versions::next(
            versions::changing_head(transaction, &version.line)?,
            version,
        )?),
        None => None,
    };
    let key = digest.key().0;
    let before: Option<ContentRecord> = transaction.get(Table::Contents, &key)?;
    let Some(mut content) = settle(files, boot, new, before.clone(), prepared) else {
        return Ok(None);
    };
    content.references += 1;
    let mut totals: DedupStats = transaction.get(Table::ArtifactIndex, TOTALS)?.unwrap_or_default();
    forget_content(&mut totals, before.as_ref());
    count_content(&mut totals, &content);
    totals.artifacts += 1;
    totals.logical_bytes += digest.size;

    let meta = ArtifactMeta {
        id: *id,
        digest: *digest,
        content_type: description
            .content_type
            .clone()
            .unwrap_or_else(|| "application/octet-stream".into()),
        name: description.name.clone(),
        version: new.version.as_ref().zip(version).map(|(new, version)| LinePlace {
            line: new.line.clone(),
            version,
        }),
        created: new.created,
        producer: description.producer.clone(),
        tags: description.tags.clone(),
        metadata: description.metadata.clone(),
        quality: description.quality,
        hold: description.hold,
        deleted: None,
    };
    transaction.put(Table::Contents, &key, &content)?;
    transaction.put(Table::ArtifactIndex, TOTALS, &totals)?;
    transaction.put(Table::Artifacts, &id.0.bytes(), &meta)?;
    for posting in postings(&meta) {
        posting.add(transaction, *id)?;
    }
    for parent in &description.parents {
        lineage::add(transaction, *id, &parent.relation, parent.id)?;
    }
    if let (Some(new_version), Some(number)) = (&new.version, version) {
        versions::add(transaction, new_version, number, &meta)?;
    }
    Ok(Some(PutResult {
        id: *id,
        digest: *digest,
        version,
        newly_stored: before.is_none(),
    }))
}

/// Which file a content has from now on.
fn settle(
    files: &Files,
    boot: BootId,
    new: &NewArtifact,
    before: Option<ContentRecord>,
    prepared: Prepared,
) -> Option<ContentRecord> {
    let Prepared {
        written,
        unsound,
        synced,
    } = prepared;
    let written = written.filter(|written| files.is_there(&new.digest, written));
    let synced_now = |encoding| new.durable && synced == Some(encoding);
    let kept = before.as_ref().filter(|before| {
        let replaced = unsound == Some(before.encoding);
        !replaced && files.is_there(&new.digest, &before.stored())
    });
    let content = if let Some(kept) = kept {
        let mut content = kept.clone();
        if synced_now(content.encoding) {
            content.unsynced_since = None;
        }
        content
    } else {
        let written = written?;
        ContentRecord {
            encoding: written.encoding,
            size: new.digest.size,
            stored_size: written.size,
            references: before.as_ref().map_or(0, |before| before.references),
            unsynced_since: (!synced_now(written.encoding)).then_some(boot.0),
        }
    };
    if new.durable && content.unsynced_since.is_some() {
        return None;
    }
    // Somebody stored the same in another way meanwhile, or what was there was worth nothing.
    let others = [
        written.map(|written| written.encoding),
        before.map(|before| before.encoding),
    ];
    for encoding in others.into_iter().flatten().filter(|other| *other != content.encoding) {
        files.remove(&new.digest, encoding);
    }
    Some(content)
}

fn count_content(totals: &mut DedupStats, content: &ContentRecord) {
    totals.contents += 1;
    totals.unique_bytes += content.size;
    totals.stored_bytes += content.stored_size;
    if content.references == 0 {
        totals.unreferenced += 1;
        totals.unreferenced_bytes += content.stored_size;
    }
}

fn forget_content(totals: &mut DedupStats, content: Option<&ContentRecord>) {
    let Some(content) = content else { return };
    let less = |total: &mut u64, by: u64| *total = total.saturating_sub(by);
    less(&mut totals.contents, 1);
    less(&mut totals.unique_bytes, content.size);
    less(&mut totals.stored_bytes, content.stored_size);
    if content.references == 0 {
        less(&mut totals.unreferenced, 1);
        less(&mut totals.unreferenced_bytes, content.stored_size);
    }
}

/// Removes the reference to the content. What is known of the artifact stays. Repeating it changes nothing.
pub(super) fn delete(transaction: &mut Transaction<'_, '_>, id: ArtifactId) -> Result<Tombstone> {
    let mut meta: ArtifactMeta = transaction
        .get(Table::Artifacts, &id.0.bytes())?
        .ok_or_else(|| not_found(id))?;
    let key = meta.digest.key().0;
    let content: Option<ContentRecord> = transaction.get(Table::Contents, &key)?;
    let tombstone = |deleted, references| Tombstone {
        id,
        digest: meta.digest,
        deleted,
        references,
    };
    if let Some(deleted) = meta.deleted {
        return Ok(tombstone(deleted, content.map_or(0, |content| content.references)));
    }
    if meta.hold != Hold::None {
        let why = match meta.hold {
            Hold::Legal => "is under a legal hold",
            _ => "is pinned",
        };
        return Err(PitError::store(
            PitCode::Held,
            format!("artifact `{id}` {why} and cannot be deleted"),
        ));
    }
    let now = Wall::now();
    let mut totals: DedupStats = transaction.get(Table::ArtifactIndex, TOTALS)?.unwrap_or_default();
    let mut references = 0;
    if let Some(mut content) = content {
        forget_content(&mut totals, Some(&content));
        content.references = content.references.saturating_sub(1);
        references = content.references;
        count_content(&mut totals, &content);
        transaction.put(Table::Contents, &key, &content)?;
    }
    totals.artifacts = totals.artifacts.saturating_sub(1);
    totals.logical_bytes = totals.logical_bytes.saturating_sub(meta.digest.size);
    totals.deleted += 1;
    for posting in postings(&meta) {
        posting.remove(transaction, id)?;
    }
    let tombstone = tombstone(now, references);
    meta.deleted = Some(now);
    transaction.put(Table::Artifacts, &id.0.bytes(), &meta)?;
    transaction.put(Table::ArtifactIndex, TOTALS, &totals)?;
    Ok(tombstone)
}

/// Changes what is said of an artifact, and by what it is found.
pub(super) fn describe(
    transaction: &mut Transaction<'_, '_>,
    id: ArtifactId,
    change: impl FnOnce(&mut ArtifactMeta) -> Result<()>,
) -> Result<ArtifactMeta> {
    let before = present(transaction, id)?;
    let mut meta = before.clone();
    change(&mut meta)?;
    if meta == before {
        return Ok(meta);
    }
    if meta.tags.len() + meta.metadata.len() > MAX_LABELS {
        return Err(too_many());
    }
    let (old, new) = (postings(&before), postings(&meta));
    for posting in old.iter().filter(|posting| !new.contains(posting)) {
        posting.remove(transaction, id)?;
    }
    for posting in new.iter().filter(|posting| !old.contains(posting)) {
        posting.add(transaction, id)?;
    }
    transaction.put(Table::Artifacts, &id.0.bytes(), &meta)?;
    Ok(meta)
}

/// So many tags and metadata an artifact has at most: an upper bound of what a change takes.
pub(super) const MAX_LABELS: usize = 1024;

pub(super) fn too_many() -> PitError {
    invalid(format!("an artifact has at most {MAX_LABELS} tags and metadata"))
}

/// Removes a content file if no record names it.
pub(super) fn remove_orphan(
    transaction: &mut Transaction<'_, '_>,
    files: &Arc<Files>,
    digest: &Digest,
    encoding: Encoding,
) -> Result<bool> {
    let content: Option<ContentRecord> = transaction.get(Table::Contents, &digest.key().0)?;
    Ok(content.is_none_or(|content| content.encoding != encoding) && files.remove(digest, encoding))
}
