//! Looking whether everything is as it was put, and removing what nobody needs.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ArtifactStore;
use super::commits::{self, decode};
use super::digest::{ContentKey, Digest};
use super::files::{Encoding, is_damage};
use super::index::{Posting, TOTALS};
use super::ledger::{self, ContentRecord};
use super::records::DedupStats;
use crate::domain::Table;
use crate::error::{PitCode, Result};
use crate::ids::ArtifactId;

/// So many contents are looked up, and so many files removed, at a time: others can write in between.
const AT_A_TIME: usize = 64;

/// A content that is not what was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Damage {
    /// The content.
    pub digest: Digest,
    /// `corrupted` if the file is missing, has the wrong length or cannot be decoded; `hash-mismatch` if its bytes are others.
    pub code: String,
    /// What was found.
    pub message: String,
    /// Artifacts that have it.
    pub artifacts: Vec<ArtifactId>,
}

/// What was looked at and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Contents that were compared with their digests.
    pub contents: u64,
    /// Bytes of these contents.
    pub bytes: u64,
    /// Those that are damaged. Putting the same content again repairs it.
    pub damaged: Vec<Damage>,
    /// Content files that no record names: of puts that did not come to their end, or are just coming to it.
    pub orphans: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SweepReport {
    /// Unfinished files of writers that have died.
    pub temporaries: u64,
    /// Content files that no record named.
    pub orphans: u64,
}

impl ArtifactStore {
    /// Compares the content of an artifact with its digest. Costs 0.3 ms for 2^20 bytes with BLAKE3. Blocks: not on the thread
    /// of an event loop.
    ///
    /// # Errors
    /// `HashMismatch`, `Corrupted` with what was found; `NotFound`.
    pub fn verify(&self, artifact: impl Into<super::Reference>) -> Result<()> {
        let (digest, content) = self.locate(artifact.into())?;
        self.files.verify(&digest, &content.stored())
    }

    /// Compares all contents with their digests, those without artifacts too. Others can read and write meanwhile. Costs what
    /// reading the whole store from disk does. Blocks: not on the thread of an event loop.
    ///
    /// # Errors
    /// What the system and the records' store say. Damage is not an error here: the report has it.
    pub fn verify_all(&self) -> Result<VerifyReport> {
        self.check()?;
        let files = self.files.list()?;
        let mut report = VerifyReport::default();
        for page in files.chunks(AT_A_TIME) {
            for (key, encoding, _) in page {
                let content = self.content(*key)?;
                report.orphans += u64::from(content.is_none_or(|content| content.encoding != *encoding));
            }
        }
        let mut after: Option<ContentKey> = None;
        loop {
            let page = self.contents_after(after)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (key, content) in page {
                let Some(digest) = key.with_size(content.size) else {
                    continue;
                };
                report.contents += 1;
                report.bytes += content.size;
                let Err(error) = self.files.verify(&digest, &content.stored()) else {
                    continue;
                };
                if !is_damage(&error) {
                    return Err(error);
                }
                if self.content(key)? != Some(content) {
                    // It was changed since it was looked up.
                    continue;
                }
                let mut artifacts = Vec::new();
                self.read(|reader| Posting::digest(&digest).collect(reader, usize::MAX, &mut artifacts))?;
                report.damaged.push(Damage {
                    digest,
                    code: error.code().name().to_owned(),
                    message: error.message().to_owned(),
                    artifacts,
                });
            }
        }
        Ok(report)
    }

    /// Removes unfinished files of writers that have died, and content files that no record names. Contents that have a record
    /// stay, also those that no artifact has any more. Others can write meanwhile: one whose file is removed before it is
    /// recorded writes it again. Costs a few microseconds for each content. Blocks: not on the thread of an event loop.
    ///
    /// # Errors
    /// What the system and the records' store say.
    pub fn sweep(&self) -> Result<SweepReport> {
        self.check()?;
        let mut report = SweepReport {
            temporaries: self.files.clear_temporaries()? as u64,
            orphans: 0,
        };
        let mut orphans: Vec<(Digest, Encoding)> = Vec::new();
        for (key, encoding, _) in self.files.list()? {
            let named = self.content(key)?.is_some_and(|content| content.encoding == encoding);
            orphans.extend(key.with_size(0).filter(|_| !named).map(|digest| (digest, encoding)));
        }
        for some in orphans.chunks(AT_A_TIME) {
            let (some, files) = (some.to_vec(), Arc::clone(&self.files));
            report.orphans += self.commits.run(move |transaction| {
                let mut removed = 0;
                for (digest, encoding) in &some {
                    removed += u64::from(ledger::remove_orphan(transaction, &files, digest, *encoding)?);
                }
                Ok(removed)
            })?;
        }
        Ok(report)
    }

    /// What there is in all, and what keeping equal contents once saves. Costs a microsecond.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn dedup_stats(&self) -> Result<DedupStats> {
        self.read(|reader| Ok(commits::read(reader, Table::ArtifactIndex, TOTALS)?.unwrap_or_default()))
    }

    /// Which of these contents are there, so that only the others need to be sent. Costs a few microseconds each.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn exists(&self, digests: &[Digest]) -> Result<Vec<bool>> {
        digests
            .iter()
            .map(|digest| match self.locate((*digest).into()) {
                Ok((_, content)) => Ok(self.files.is_there(digest, &content.stored())),
                Err(error) if error.code() == PitCode::NotFound => Ok(false),
                Err(error) => Err(error),
            })
            .collect()
    }

    fn content(&self, key: ContentKey) -> Result<Option<ContentRecord>> {
        self.read(|reader| commits::read(reader, Table::Contents, &key.0))
    }

    fn contents_after(&self, after: Option<ContentKey>) -> Result<Vec<(ContentKey, ContentRecord)>> {
        self.read(|reader| {
            let mut page = Vec::new();
            let from = after
                .as_ref()
                .map_or(Bound::Unbounded, |key| Bound::Excluded(key.0.as_slice()));
            reader.scan(Table::Contents, from, |key, value| {
                if let Some(key) = ContentKey::from_bytes(key) {
                    page.push((key, decode(Table::Contents, value)?));
                }
                Ok(page.len() < AT_A_TIME)
            })?;
            Ok(page)
        })
    }

    /// Counts everything anew, for tests: what [`Self::dedup_stats`] gives must be this.
    ///
    /// # Errors
    /// What the records' store says.
    #[doc(hidden)]
    pub fn count_anew(&self) -> Result<(DedupStats, BTreeMap<Digest, u64>)> {
        self.read(|reader| {
            let mut totals = DedupStats::default();
            let mut references: BTreeMap<Digest, u64> = BTreeMap::new();
            reader.scan(Table::Artifacts, Bound::Unbounded, |_, value| {
                let meta: super::records::ArtifactMeta = decode(Table::Artifacts, value)?;
                if meta.deleted.is_some() {
                    totals.deleted += 1;
                } else {
                    totals.artifacts += 1;
                    totals.logical_bytes += meta.digest.size;
                    *references.entry(meta.digest).or_default() += 1;
                }
                Ok(true)
            })?;
            reader.scan(Table::Contents, Bound::Unbounded, |_, value| {
                let content: ContentRecord = decode(Table::Contents, value)?;
                totals.contents += 1;
                totals.unique_bytes += content.size;
                totals.stored_bytes += content.stored_size;
                if content.references == 0 {
                    totals.unreferenced += 1;
                    totals.unreferenced_bytes += content.stored_size;
                }
                Ok(true)
            })?;
            Ok((totals, references))
        })
    }
}
