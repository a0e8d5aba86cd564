//! What is known of artifacts, and what may be said of one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::{Digest, HashAlgo};
use super::files::Encoding;
use crate::domain::Durability;
use crate::error::{PitCode, PitError, Result};
use crate::ids::ArtifactId;
use crate::time::Wall;

/// What protects an artifact from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Hold {
    /// Nothing.
    #[default]
    None,
    /// Somebody who pinned it, and can unpin it.
    Pinned,
    /// An obligation. Only [`super::ArtifactStore::hold`] ends it.
    Legal,
}

/// How good an artifact is, each from 0 to 1, by the program's own measure.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityScore {
    /// Its form.
    pub structure: f32,
    /// Its meaning.
    pub semantics: f32,
    /// Its use.
    pub utility: f32,
}

/// What an artifact was made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Parent {
    /// How: a word of the program's choice, such as `derived-from`.
    pub relation: String,
    /// The artifact.
    pub id: ArtifactId,
}

/// What is said of an artifact when it is put. All of it is optional.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Description {
    /// A name; several artifacts may have the same. At most 255 bytes.
    pub name: Option<String>,
    /// The media type. Default: `application/octet-stream`.
    pub content_type: Option<String>,
    /// Words to find it by. At most 128 bytes each.
    pub tags: BTreeSet<String>,
    /// Texts to find it by, by their names. Names have at most 128 bytes, texts at most 65,536.
    pub metadata: BTreeMap<String, String>,
    /// What it was made from. All must be there.
    pub parents: Vec<Parent>,
    /// Who made it.
    pub producer: Option<String>,
    /// How good it is.
    pub quality: QualityScore,
    /// What protects it.
    pub hold: Hold,
    /// What the content must be. Nothing is stored if it is something else.
    pub expect: Option<Digest>,
}

/// How an artifact is put.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// What the artifact survives once the put returns. Default: the death of any process, not a power cut.
    pub durability: Durability,
    /// The level of compression by Zstandard, 1 to 19. Default: none. What does not become smaller is kept as it is. The
    /// identity of content is that of the bytes as given.
    pub zstd: Option<u8>,
    /// How the content is hashed. Default: BLAKE3. The same bytes hashed in two ways are kept twice.
    pub algo: HashAlgo,
}

/// What a put did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PutResult {
    /// The new artifact.
    pub id: ArtifactId,
    /// Its content.
    pub digest: Digest,
    /// Its number in its line, from 1 on, if it was put as a version.
    pub version: Option<u32>,
    /// Whether the content had not been there before.
    pub newly_stored: bool,
}

/// An artifact's place among the versions of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePlace {
    /// The line's name.
    pub line: String,
    /// The number, from 1 on.
    pub version: u32,
}

/// What is known of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArtifactMeta {
    /// Its identifier, which sorts by the time it was put.
    pub id: ArtifactId,
    /// Its content.
    pub digest: Digest,
    /// The media type.
    pub content_type: String,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of which line it is a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<LinePlace>,
    /// When it was put.
    pub created: Wall,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Texts to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How good it is.
    #[serde(default)]
    pub quality: QualityScore,
    /// What protects it.
    #[serde(default)]
    pub hold: Hold,
    /// When it was deleted. What is known of it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Wall>,
}

/// What remains of a deleted artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tombstone {
    /// The artifact.
    pub id: ArtifactId,
    /// What its content was.
    pub digest: Digest,
    /// When it was deleted.
    pub deleted: Wall,
    /// How many artifacts still have the same content. At zero, its bytes wait for whoever reclaims space.
    pub references: u64,
}

/// What is known of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContentInfo {
    /// How it is kept.
    pub encoding: Encoding,
    /// Bytes of the content.
    pub size: u64,
    /// Bytes of its file.
    pub stored_size: u64,
    /// How many artifacts have it. At zero it cannot be read any more.
    pub references: u64,
    /// Whether it was synced to the disk.
    pub durable: bool,
}

/// What there is in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DedupStats {
    /// Artifacts that are not deleted.
    pub artifacts: u64,
    /// Deleted ones, of which the records are left.
    pub deleted: u64,
    /// Different contents, those that nothing has any more included.
    pub contents: u64,
    /// Contents that no artifact has any more.
    pub unreferenced: u64,
    /// Bytes of the artifacts that are not deleted, each counted.
    pub logical_bytes: u64,
    /// Bytes of the different contents.
    pub unique_bytes: u64,
    /// Bytes of their files.
    pub stored_bytes: u64,
    /// Bytes of the files that no artifact needs any more.
    pub unreferenced_bytes: u64,
}

impl DedupStats {
    /// Which part of the artifacts' bytes takes no space, from 0 to 1. Zero if keeping contents for nobody costs more.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn saved(&self) -> f64 {
        if self.logical_bytes == 0 {
            return 0.0;
        }
        (1.0 - self.stored_bytes as f64 / self.logical_bytes as f64).max(0.0)
    }
}

/// The longest tag, and the longest name of metadata.
pub(super) const MAX_WORD: usize = 128;
/// The longest name of an artifact or a line.
pub(super) const MAX_NAME: usize = 255;
/// The longest other text.
pub(super) const MAX_TEXT: usize = 1 << 16;
/// The longest relation.
pub(super) const MAX_RELATION: usize = 64;

pub(super) fn invalid(message: impl Into<String>) -> PitError {
    PitError::store(PitCode::InvalidArgument, message)
}

/// A text that is part of a key: not empty, not too long, without the byte that ends it there.
pub(super) fn check_word(what: &str, text: &str, longest: usize) -> Result<()> {
    if text.is_empty() || text.len() > longest {
        let length = text.len();
        return Err(invalid(format!("{what} has 1 to {longest} bytes, not {length}")));
    }
    if text.contains('\0') {
        return Err(invalid(format!(
            "{what} must not contain the character U+0000, and `{}` does",
            text.escape_debug()
        )));
    }
    Ok(())
}

pub(super) fn check_text(what: &str, text: &str) -> Result<()> {
    if text.len() > MAX_TEXT {
        return Err(invalid(format!(
            "{what} has at most {MAX_TEXT} bytes, not {}",
            text.len()
        )));
    }
    Ok(())
}

pub(super) fn check_quality(quality: &QualityScore) -> Result<()> {
    for (what, score) in [
        ("structure", quality.structure),
        ("semantics", quality.semantics),
        ("utility", quality.utility),
    ] {
        if !(0.0..=1.0).contains(&score) {
            return Err(invalid(format!("`quality.{what}` is from 0 to 1, not {score}")));
        }
    }
    Ok(())
}

impl Description {
    pub(super) fn check(&self) -> Result<()> {
        if let Some(name) = &self.name {
            check_word("`name`", name, MAX_NAME)?;
        }
        if let Some(content_type) = &self.content_type {
            check_word("`content_type`", content_type, MAX_NAME)?;
        }
        if let Some(producer) = &self.producer {
            check_text("`producer`", producer)?;
        }
        for tag in &self.tags {
            check_word("a tag", tag, MAX_WORD)?;
        }
        for (name, text) in &self.metadata {
            check_word("a name of metadata", name, MAX_WORD)?;
            check_text(&format!("`metadata.{name}`"), text)?;
        }
        for parent in &self.parents {
            check_word("a relation", &parent.relation, MAX_RELATION)?;
        }
        check_quality(&self.quality)
    }
}

impl PutOptions {
    pub(super) fn check(&self) -> Result<()> {
        match self.zstd {
            Some(level @ (0 | 20..)) => Err(invalid(format!("`zstd` is a level from 1 to 19, not {level}"))),
            _ => Ok(()),
        }
    }
}
