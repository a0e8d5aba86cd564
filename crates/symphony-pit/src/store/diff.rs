//! What is different between two artifacts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use similar::{Algorithm, ChangeTag, TextDiff};

use super::ArtifactStore;
use super::content::Content;
use super::digest::Digest;
use super::files::Verification;
use crate::error::Result;
use crate::ids::ArtifactId;

/// Texts longer than this together are compared as bytes.
const MAX_TEXT: u64 = 16 << 20;

/// How long lines are compared exactly; afterwards, what is found is right but may not be the shortest.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is different between two artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diff {
    /// The content of the first.
    pub old: Digest,
    /// The content of the second.
    pub new: Digest,
    /// Whether the bytes are the same.
    pub same_content: bool,
    /// How the bytes differ.
    pub content: ContentDiff,
    /// Media types, if they differ.
    pub content_type: Option<(String, String)>,
    /// Tags that only the second has.
    pub added_tags: Vec<String>,
    /// Tags that only the first has.
    pub removed_tags: Vec<String>,
    /// Metadata that differ, by name: what the first and what the second has.
    pub metadata: BTreeMap<String, (Option<String>, Option<String>)>,
}

/// How bytes differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum ContentDiff {
    /// Not at all.
    Same,
    /// Both are texts in UTF-8, of 2^24 bytes together at most.
    Text {
        /// In the unified format, with three lines around each change.
        unified: String,
        /// Lines that only the second has.
        added: u64,
        /// Lines that only the first has.
        removed: u64,
    },
    /// Anything else.
    Bytes {
        /// So many bytes at the beginning are the same.
        first_difference: u64,
    },
}

impl ArtifactStore {
    /// Compares two artifacts. Costs what reading them does, and for texts about 10 ms for 2^20 bytes, at most half a second more.
    /// Blocks: not on the thread of an event loop.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn diff(&self, old: ArtifactId, new: ArtifactId) -> Result<Diff> {
        let (before, after) = (self.meta(old)?, self.meta(new)?);
        let content = if before.digest == after.digest {
            // Asked for, so that comparing with a deleted artifact fails whether or not it is the same.
            self.info(old.into())?;
            self.info(new.into())?;
            ContentDiff::Same
        } else {
            let contents = (
                self.get_with(old, Verification::Once)?,
                self.get_with(new, Verification::Once)?,
            );
            compare(&contents.0, &contents.1)
        };
        let only = |these: &std::collections::BTreeSet<String>, those| these.difference(those).cloned().collect();
        let names = before.metadata.keys().chain(after.metadata.keys());
        let metadata = names
            .map(|name| (name, before.metadata.get(name), after.metadata.get(name)))
            .filter(|(_, old, new)| old != new)
            .map(|(name, old, new)| (name.clone(), (old.cloned(), new.cloned())))
            .collect();
        Ok(Diff {
            old: before.digest,
            new: after.digest,
            same_content: content == ContentDiff::Same,
            content,
            added_tags: only(&after.tags, &before.tags),
            removed_tags: only(&before.tags, &after.tags),
            metadata,
            content_type: (before.content_type != after.content_type)
                .then_some((before.content_type, after.content_type)),
        })
    }
}

fn compare(old: &Content, new: &Content) -> ContentDiff {
    // The same bytes under two hashes.
    if **old == **new {
        return ContentDiff::Same;
    }
    let small = (old.len() as u64).saturating_add(new.len() as u64) <= MAX_TEXT;
    if small
        && let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new))
        && !old.contains('\0')
        && !new.contains('\0')
    {
        let diff = TextDiff::configure()
            .algorithm(Algorithm::Myers)
            .timeout(PATIENCE)
            .diff_lines(old, new);
        let (mut added, mut removed) = (0, 0);
        for change in diff.iter_all_changes() {
            match change.tag() {
                ChangeTag::Insert => added += 1,
                ChangeTag::Delete => removed += 1,
                ChangeTag::Equal => {}
            }
        }
        let unified = diff.unified_diff().context_radius(3).header("old", "new").to_string();
        return ContentDiff::Text {
            unified,
            added,
            removed,
        };
    }
    let equal = old.iter().zip(new.iter()).take_while(|(old, new)| old == new).count();
    ContentDiff::Bytes {
        first_difference: equal as u64,
    }
}
