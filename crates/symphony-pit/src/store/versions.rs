//! Lines: something that changes, as its versions, each an artifact. A line only grows; deleting a version leaves its place.

use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::ArtifactStore;
use super::commits::{self, Transaction, decode};
use super::digest::Digest;
use super::put::Source;
use super::records::{ArtifactMeta, Description, MAX_NAME, PutOptions, PutResult, check_text, check_word};
use crate::domain::{Reader, Table};
use crate::error::{PitCode, PitError, Result};
use crate::ids::ArtifactId;
use crate::time::Wall;

/// Which version is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NewVersion {
    /// The line's name, 1 to 255 bytes. The first version makes the line.
    pub line: String,
    /// Why it was made.
    pub message: Option<String>,
    /// The number of the version that this one follows; 0 if there must be none. Default: whichever is last.
    pub expect_head: Option<u32>,
}

impl NewVersion {
    /// The next version of a line.
    pub fn of(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            ..Self::default()
        }
    }

    /// The same, if `head` is the last version then.
    #[must_use]
    pub fn after(mut self, head: u32) -> Self {
        self.expect_head = Some(head);
        self
    }

    /// The same with the reason.
    #[must_use]
    pub fn because(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        check_word("the name of a line", &self.line, MAX_NAME)?;
        check_text("`message`", self.message.as_deref().unwrap_or_default())
    }
}

/// A version of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArtifactVersion {
    /// The number, from 1 on.
    pub version: u32,
    /// The artifact.
    pub id: ArtifactId,
    /// Its content.
    pub digest: Digest,
    /// When it was made.
    pub created: Wall,
    /// Why it was made.
    pub message: Option<String>,
    /// When its artifact was deleted.
    pub deleted: Option<Wall>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// Its name.
    pub name: String,
    /// The number of its last version.
    pub head: u32,
}

#[derive(Serialize, Deserialize)]
struct Record {
    id: ArtifactId,
    digest: Digest,
    created: Wall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The key of a line's head, with which the keys of its versions begin.
fn head_key(line: &str) -> Vec<u8> {
    let mut key = line.as_bytes().to_vec();
    key.push(0);
    key
}

fn version_key(line: &str, version: u32) -> Vec<u8> {
    let mut key = head_key(line);
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// The number of the last version, 0 if there is none.
pub(super) fn head(reader: &Reader<'_>, line: &str) -> Result<u32> {
    Ok(commits::read(reader, Table::Lines, &head_key(line))?.unwrap_or(0))
}

/// The same, as it is being changed.
pub(super) fn changing_head(transaction: &Transaction<'_, '_>, line: &str) -> Result<u32> {
    Ok(transaction.get(Table::Lines, &head_key(line))?.unwrap_or(0))
}

/// The number of the next version, if the line is as expected.
pub(super) fn next(head: u32, new: &NewVersion) -> Result<u32> {
    if let Some(expected) = new.expect_head.filter(|expected| *expected != head) {
        return Err(PitError::store(
            PitCode::Conflict,
            format!("the last version of `{}` is {head}, not {expected}", new.line),
        ));
    }
    head.checked_add(1).ok_or_else(|| {
        PitError::store(
            PitCode::ResourceExhausted,
            format!("the line `{}` has as many versions as there can be", new.line),
        )
    })
}

pub(super) fn add(
    transaction: &mut Transaction<'_, '_>,
    new: &NewVersion,
    version: u32,
    meta: &ArtifactMeta,
) -> Result<()> {
    let record = Record {
        id: meta.id,
        digest: meta.digest,
        created: meta.created,
        message: new.message.clone(),
    };
    transaction.put(Table::Lines, &version_key(&new.line, version), &record)?;
    transaction.put(Table::Lines, &head_key(&new.line), &version)
}

fn complete(reader: &Reader<'_>, version: u32, record: Record) -> Result<ArtifactVersion> {
    let meta: Option<ArtifactMeta> = commits::read(reader, Table::Artifacts, &record.id.0.bytes())?;
    Ok(ArtifactVersion {
        version,
        id: record.id,
        digest: record.digest,
        created: record.created,
        message: record.message,
        deleted: meta.and_then(|meta| meta.deleted),
    })
}

impl ArtifactStore {
    /// Puts an artifact as the next version of a line. Costs what [`Self::put`] does. Blocks: not on the thread of an event loop.
    ///
    /// # Errors
    /// As [`Self::put`]; `Conflict` if the last version is not the one expected, and then nothing is stored.
    pub fn new_version<'a>(
        &self,
        version: &NewVersion,
        source: impl Into<Source<'a>>,
        description: &Description,
        options: &PutOptions,
    ) -> Result<PutResult> {
        version.check()?;
        self.put_as(source.into(), description, options, Some(version))
    }

    /// The number of the last version of a line; 0 if there is no such line. Costs a microsecond.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn head(&self, line: &str) -> Result<u32> {
        check_word("the name of a line", line, MAX_NAME)?;
        self.read(|reader| head(reader, line))
    }

    /// A version of a line; the last one by default. Costs a few microseconds.
    ///
    /// # Errors
    /// `NotFound`; what the records' store says.
    pub fn version(&self, line: &str, version: Option<u32>) -> Result<ArtifactVersion> {
        check_word("the name of a line", line, MAX_NAME)?;
        self.read(|reader| {
            let last = head(reader, line)?;
            let number = version.unwrap_or(last);
            let record: Option<Record> = commits::read(reader, Table::Lines, &version_key(line, number))?;
            let record = record.ok_or_else(|| {
                let message = match last {
                    0 => format!("there is no line `{line}`"),
                    _ => format!("the line `{line}` has the versions 1 to {last}, not {number}"),
                };
                PitError::store(PitCode::NotFound, message)
            })?;
            complete(reader, number, record)
        })
    }

    /// All versions of a line, in their order, those included whose artifacts were deleted. Empty if there is no such line.
    /// Costs a few microseconds each.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn versions(&self, line: &str) -> Result<Vec<ArtifactVersion>> {
        check_word("the name of a line", line, MAX_NAME)?;
        let prefix = head_key(line);
        self.read(|reader| {
            let mut found = Vec::new();
            reader.scan(Table::Lines, Bound::Excluded(prefix.as_slice()), |key, value| {
                let Some(number) = key.strip_prefix(prefix.as_slice()) else {
                    return Ok(false);
                };
                if let Ok(number) = number.try_into() {
                    let record = decode(Table::Lines, value)?;
                    found.push(complete(reader, u32::from_be_bytes(number), record)?);
                }
                Ok(true)
            })?;
            Ok(found)
        })
    }

    /// The lines whose names begin so, in the order of their names. Costs a microsecond for each of their versions.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn lines(&self, beginning: &str) -> Result<Vec<Line>> {
        if beginning.contains('\0') {
            return Ok(Vec::new());
        }
        self.read(|reader| {
            let mut found = Vec::new();
            let from = if beginning.is_empty() { "\u{1}" } else { beginning };
            reader.scan(Table::Lines, Bound::Included(from.as_bytes()), |key, value| {
                if !key.starts_with(beginning.as_bytes()) {
                    return Ok(false);
                }
                // Names contain no zero byte, so the first one ends them; a version's number follows it.
                if let Some((0, name)) = key.split_last()
                    && !name.contains(&0)
                {
                    found.push(Line {
                        name: String::from_utf8_lossy(name).into_owned(),
                        head: decode(Table::Lines, value)?,
                    });
                }
                Ok(true)
            })?;
            Ok(found)
        })
    }
}
