//! Finding artifacts by what is said of them.
//!
//! Conditions that have an index are looked up there and their results are intersected; the rest is decided by the records of
//! those that are left. Without a condition that has one, all records are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::ArtifactStore;
use super::commits::{self, decode};
use super::digest::Digest;
use super::index::Posting;
use super::records::{ArtifactMeta, Hold, invalid};
use crate::domain::{Reader, Table};
use crate::error::Result;
use crate::ids::{ArtifactId, Id128};
use crate::time::Wall;

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Matches {
    /// This.
    Exactly(String),
    /// Something that begins so.
    Beginning(String),
    /// Anything.
    Anything,
}

impl Matches {
    fn holds(&self, text: Option<&String>) -> bool {
        match (self, text) {
            (_, None) => false,
            (Self::Exactly(expected), Some(text)) => expected == text,
            (Self::Beginning(beginning), Some(text)) => text.starts_with(beginning.as_str()),
            (Self::Anything, Some(_)) => true,
        }
    }
}

/// The order of what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Order {
    /// What was put last comes first.
    #[default]
    Newest,
    /// What was put first comes first.
    Oldest,
}

/// What is looked for: artifacts that are not deleted and of which all of this is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SearchQuery {
    /// It has all these tags. Indexed.
    pub tags: BTreeSet<String>,
    /// It has one of these tags at least, if there are any here. Indexed.
    pub any_tags: BTreeSet<String>,
    /// It has none of these tags.
    pub without_tags: BTreeSet<String>,
    /// Its metadata by name. Indexed.
    pub metadata: BTreeMap<String, Matches>,
    /// Its name. Indexed.
    pub name: Option<Matches>,
    /// Its media type. Indexed if it is exact.
    pub content_type: Option<Matches>,
    /// Its content. Indexed.
    pub digest: Option<Digest>,
    /// The line it is a version of.
    pub line: Option<String>,
    /// What protects it.
    pub hold: Option<Hold>,
    /// It was put then or later.
    pub created_from: Option<Wall>,
    /// It was put earlier.
    pub created_before: Option<Wall>,
    /// It has so many bytes at least.
    pub min_size: Option<u64>,
    /// It has so many bytes at most.
    pub max_size: Option<u64>,
    /// In which order.
    pub order: Order,
    /// So many at most. Default: 100.
    pub limit: usize,
    /// Those that come after this one in the order: the last of the page before.
    pub after: Option<ArtifactId>,
    /// Refused: there is no search in the content of artifacts.
    pub text: Option<String>,
}

impl Default for SearchQuery {
    fn default() -> Self {
        Self {
            tags: BTreeSet::new(),
            any_tags: BTreeSet::new(),
            without_tags: BTreeSet::new(),
            metadata: BTreeMap::new(),
            name: None,
            content_type: None,
            digest: None,
            line: None,
            hold: None,
            created_from: None,
            created_before: None,
            min_size: None,
            max_size: None,
            order: Order::default(),
            limit: 100,
            after: None,
            text: None,
        }
    }
}

impl SearchQuery {
    fn matches(&self, meta: &ArtifactMeta) -> bool {
        let metadata = |(name, matches): (&String, &Matches)| matches.holds(meta.metadata.get(name));
        let line = meta.version.as_ref().map(|place| &place.line);
        meta.deleted.is_none()
            && self.tags.is_subset(&meta.tags)
            && (self.any_tags.is_empty() || !self.any_tags.is_disjoint(&meta.tags))
            && self.without_tags.is_disjoint(&meta.tags)
            && self.metadata.iter().all(metadata)
            && self.name.as_ref().is_none_or(|name| name.holds(meta.name.as_ref()))
            && self
                .content_type
                .as_ref()
                .is_none_or(|content_type| content_type.holds(Some(&meta.content_type)))
            && self.digest.is_none_or(|digest| digest == meta.digest)
            && self.line.as_ref().is_none_or(|expected| Some(expected) == line)
            && self.hold.is_none_or(|hold| hold == meta.hold)
            && self.created_from.is_none_or(|from| meta.created >= from)
            && self.created_before.is_none_or(|before| meta.created < before)
            && self.min_size.is_none_or(|least| meta.digest.size >= least)
            && self.max_size.is_none_or(|most| meta.digest.size <= most)
    }

    /// Each condition as what the index has of it: what is found must be in one posting of each.
    fn postings(&self) -> Vec<Vec<Posting>> {
        let mut conditions = Vec::new();
        conditions.extend(self.digest.as_ref().map(|digest| vec![Posting::digest(digest)]));
        conditions.extend(self.name.as_ref().map(|name| match name {
            Matches::Exactly(name) => vec![Posting::name(name)],
            Matches::Beginning(beginning) => vec![Posting::name_beginning(beginning)],
            Matches::Anything => vec![Posting::name_beginning("")],
        }));
        conditions.extend(self.tags.iter().map(|tag| vec![Posting::tag(tag)]));
        conditions.extend(self.metadata.iter().map(|(name, matches)| match matches {
            Matches::Exactly(text) => vec![Posting::metadata(name, text)],
            Matches::Beginning(beginning) => vec![Posting::metadata_beginning(name, beginning)],
            Matches::Anything => vec![Posting::metadata_beginning(name, "")],
        }));
        if !self.any_tags.is_empty() {
            conditions.push(self.any_tags.iter().map(|tag| Posting::tag(tag)).collect());
        }
        if let Some(Matches::Exactly(content_type)) = &self.content_type {
            conditions.push(vec![Posting::content_type(content_type)]);
        }
        conditions
    }

    fn is_past(&self, id: ArtifactId) -> bool {
        self.after.is_none_or(|after| match self.order {
            Order::Newest => id < after,
            Order::Oldest => id > after,
        })
    }
}

impl ArtifactStore {
    /// Finds artifacts. Costs 0.1 us for each that fulfils an indexed condition, and a few microseconds for each that fulfils
    /// all of them until there are enough: some milliseconds among 100,000. Without an indexed condition, a few microseconds
    /// for each artifact there is, until there are enough.
    ///
    /// # Errors
    /// `InvalidArgument` for a search in content; what the records' store says.
    pub fn search(&self, query: &SearchQuery) -> Result<Vec<ArtifactMeta>> {
        if query.text.is_some() {
            return Err(invalid(
                "`text`: search in the content of artifacts is not part of this version; search by tags and metadata",
            ));
        }
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        self.read(|reader| {
            let conditions = query.postings();
            let mut found = Vec::new();
            if conditions.is_empty() && query.order == Order::Oldest {
                all(reader, query.after, |meta| {
                    if query.is_past(meta.id) && query.matches(&meta) {
                        found.push(meta);
                    }
                    found.len() < query.limit
                })?;
                return Ok(found);
            }
            let candidates = if conditions.is_empty() {
                all_ids(reader)?
            } else {
                intersect(reader, &conditions)?
            };
            let ordered: Box<dyn Iterator<Item = ArtifactId>> = match query.order {
                Order::Newest => Box::new(candidates.into_iter().rev()),
                Order::Oldest => Box::new(candidates.into_iter()),
            };
            for id in ordered.filter(|id| query.is_past(*id)) {
                let meta: Option<ArtifactMeta> = commits::read(reader, Table::Artifacts, &id.0.bytes())?;
                found.extend(meta.filter(|meta| query.matches(meta)));
                if found.len() == query.limit {
                    break;
                }
            }
            Ok(found)
        })
    }
}

fn all(reader: &Reader<'_>, after: Option<ArtifactId>, mut visit: impl FnMut(ArtifactMeta) -> bool) -> Result<()> {
    let key = after.map(|after| after.0.bytes());
    let from = key
        .as_ref()
        .map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
    reader.scan(Table::Artifacts, from, |_, value| {
        Ok(visit(decode(Table::Artifacts, value)?))
    })
}

fn all_ids(reader: &Reader<'_>) -> Result<Vec<ArtifactId>> {
    let mut ids = Vec::new();
    reader.scan(Table::Artifacts, Bound::Unbounded, |key, _| {
        ids.extend(key.try_into().ok().map(|id| ArtifactId(Id128::from_bytes(id))));
        Ok(true)
    })?;
    Ok(ids)
}

/// What is in one posting of each condition, in order.
fn intersect(reader: &Reader<'_>, conditions: &[Vec<Posting>]) -> Result<Vec<ArtifactId>> {
    let mut common: Option<Vec<ArtifactId>> = None;
    for condition in conditions {
        let mut ids = Vec::new();
        for posting in condition {
            posting.collect(reader, usize::MAX, &mut ids)?;
        }
        ids.sort_unstable();
        ids.dedup();
        common = Some(match common {
            None => ids,
            Some(mut common) => {
                common.retain(|id| ids.binary_search(id).is_ok());
                common
            }
        });
        if common.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
    }
    Ok(common.unwrap_or_default())
}
