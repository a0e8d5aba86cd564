//! Changing what is said of an artifact: tags, metadata, quality, and what protects it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ArtifactStore;
use super::ledger::{self, describe};
use super::records::{ArtifactMeta, Hold, MAX_WORD, QualityScore, Tombstone, check_quality, check_text, check_word};
use crate::error::{PitCode, PitError, Result};
use crate::ids::ArtifactId;

/// What is to be said differently. All of it happens at once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LabelChange {
    /// Tags that it has not; first.
    pub remove_tags: BTreeSet<String>,
    /// Tags that it has.
    pub add_tags: BTreeSet<String>,
    /// Metadata by name; what has no text is removed.
    pub metadata: BTreeMap<String, Option<String>>,
    /// How good it is.
    pub quality: Option<QualityScore>,
}

impl LabelChange {
    fn check(&self) -> Result<()> {
        for tag in self.add_tags.iter().chain(&self.remove_tags) {
            check_word("a tag", tag, MAX_WORD)?;
        }
        for (name, text) in &self.metadata {
            check_word("a name of metadata", name, MAX_WORD)?;
            check_text(&format!("`metadata.{name}`"), text.as_deref().unwrap_or_default())?;
        }
        self.quality.as_ref().map_or(Ok(()), check_quality)
    }
}

/// Each costs a commit, shared by those that come at a time, and blocks: not on the thread of an event loop. Each fails with
/// `NotFound` if the artifact is not there or deleted, and with what the records' store says.
impl ArtifactStore {
    /// Changes tags, metadata and quality. Gives what is known then.
    ///
    /// # Errors
    /// `InvalidArgument`, which names what; and see above.
    pub fn label(&self, id: ArtifactId, change: &LabelChange) -> Result<ArtifactMeta> {
        change.check()?;
        let change = change.clone();
        self.commits.run(move |transaction| {
            describe(transaction, id, |meta| {
                meta.tags.retain(|tag| !change.remove_tags.contains(tag));
                meta.tags.extend(change.add_tags.iter().cloned());
                for (name, text) in &change.metadata {
                    match text {
                        Some(text) => drop(meta.metadata.insert(name.clone(), text.clone())),
                        None => drop(meta.metadata.remove(name)),
                    }
                }
                meta.quality = change.quality.unwrap_or(meta.quality);
                Ok(())
            })
        })
    }

    /// Adds a tag.
    ///
    /// # Errors
    /// As [`Self::label`].
    pub fn tag(&self, id: ArtifactId, tag: &str) -> Result<()> {
        let change = LabelChange {
            add_tags: [tag.to_owned()].into(),
            ..LabelChange::default()
        };
        self.label(id, &change).map(drop)
    }

    /// Removes a tag, if it has it.
    ///
    /// # Errors
    /// As [`Self::label`].
    pub fn untag(&self, id: ArtifactId, tag: &str) -> Result<()> {
        let change = LabelChange {
            remove_tags: [tag.to_owned()].into(),
            ..LabelChange::default()
        };
        self.label(id, &change).map(drop)
    }

    /// Says how good it is.
    ///
    /// # Errors
    /// As [`Self::label`].
    pub fn set_quality(&self, id: ArtifactId, quality: QualityScore) -> Result<()> {
        let change = LabelChange {
            quality: Some(quality),
            ..LabelChange::default()
        };
        self.label(id, &change).map(drop)
    }

    /// Protects it from being deleted, until it is unpinned. Nothing changes under a legal hold.
    ///
    /// # Errors
    /// See above.
    pub fn pin(&self, id: ArtifactId) -> Result<()> {
        self.change_hold(id, |before| Ok(before.max(Hold::Pinned))).map(drop)
    }

    /// Ends what [`Self::pin`] did, if it did.
    ///
    /// # Errors
    /// `Held` under a legal hold; and see above.
    pub fn unpin(&self, id: ArtifactId) -> Result<()> {
        let release = move |before| match before {
            Hold::Legal => Err(PitError::store(
                PitCode::Held,
                format!("artifact `{id}` is under a legal hold, which unpinning does not end"),
            )),
            _ => Ok(Hold::None),
        };
        self.change_hold(id, release).map(drop)
    }

    /// Sets what protects it. Gives what did before.
    ///
    /// # Errors
    /// See above.
    pub fn hold(&self, id: ArtifactId, hold: Hold) -> Result<Hold> {
        self.change_hold(id, move |_| Ok(hold))
    }

    fn change_hold(&self, id: ArtifactId, change: impl Fn(Hold) -> Result<Hold> + Send + 'static) -> Result<Hold> {
        self.commits.run(move |transaction| {
            let mut before = Hold::None;
            describe(transaction, id, |meta| {
                before = meta.hold;
                meta.hold = change(before)?;
                Ok(())
            })?;
            Ok(before)
        })
    }

    /// Deletes an artifact: it is not found any more and its content is not given out for it. What is known of it, its place
    /// in a line and in lineages stay. Its bytes stay while other artifacts have the same, and otherwise until space is
    /// reclaimed. Repeating it gives the same tombstone.
    ///
    /// # Errors
    /// `Held` if it is protected; and see above, but for deleted ones.
    pub fn delete(&self, id: ArtifactId) -> Result<Tombstone> {
        self.commits.run(move |transaction| ledger::delete(transaction, id))
    }
}
