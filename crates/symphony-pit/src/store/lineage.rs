//! What artifacts were made from, and what was made from them.

use std::collections::{HashSet, VecDeque};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::ArtifactStore;
use super::commits::Transaction;
use super::ledger::not_found;
use super::records::{MAX_RELATION, check_word, invalid};
use crate::domain::{Reader, Table};
use crate::error::{PitCode, PitError, Result};
use crate::ids::{ArtifactId, Id128};

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To what it was made from.
    Ancestors,
    /// To what was made from it.
    Descendants,
}

/// That one artifact was made from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// What was made.
    pub child: ArtifactId,
    /// How.
    pub relation: String,
    /// From what.
    pub parent: ArtifactId,
}

/// Artifacts and how they were made from each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lineage {
    /// The artifacts, the nearest first; the first is the one that was asked for. Deleted ones are among them.
    pub artifacts: Vec<ArtifactId>,
    /// The relations between them.
    pub edges: Vec<Edge>,
    /// Whether there are more than [`MAX_LINEAGE`] artifacts, so that some are missing.
    pub truncated: bool,
}

/// So many artifacts are in a lineage at most.
pub const MAX_LINEAGE: usize = 10_000;

const PARENTS: u8 = b'p';
const CHILDREN: u8 = b'c';

fn key(direction: u8, from: ArtifactId, relation: &str, to: ArtifactId) -> Vec<u8> {
    let mut key = vec![direction];
    key.extend_from_slice(&from.0.bytes());
    key.extend_from_slice(relation.as_bytes());
    key.push(0);
    key.extend_from_slice(&to.0.bytes());
    key
}

/// Records a relation. The caller knows that both artifacts are there.
pub(super) fn add(
    transaction: &mut Transaction<'_, '_>,
    child: ArtifactId,
    relation: &str,
    parent: ArtifactId,
) -> Result<()> {
    transaction.mark(Table::Lineage, &key(PARENTS, child, relation, parent))?;
    transaction.mark(Table::Lineage, &key(CHILDREN, parent, relation, child))
}

fn neighbours(
    reader: &Reader<'_>,
    direction: u8,
    from: ArtifactId,
    mut visit: impl FnMut(String, ArtifactId) -> bool,
) -> Result<()> {
    let mut prefix = vec![direction];
    prefix.extend_from_slice(&from.0.bytes());
    reader.scan(Table::Lineage, Bound::Included(prefix.as_slice()), |key, _| {
        let Some(rest) = key.strip_prefix(prefix.as_slice()) else {
            return Ok(false);
        };
        let parts = rest.split_last_chunk::<16>().and_then(|(relation, id)| {
            let relation = std::str::from_utf8(relation.strip_suffix(&[0])?).ok()?;
            Some((relation, *id))
        });
        let Some((relation, id)) = parts else {
            return Err(PitError::store(
                PitCode::Corrupted,
                "a key in the table Lineage cannot be read",
            ));
        };
        Ok(visit(relation.to_owned(), ArtifactId(Id128::from_bytes(id))))
    })
}

impl ArtifactStore {
    /// Records that one artifact was made from another. Repeating it changes nothing. Circles are not refused: a relation may be
    /// one that has them. Costs a commit. Blocks: not on the thread of an event loop.
    ///
    /// # Errors
    /// `NotFound`; `InvalidArgument` for an artifact and itself, or a relation that is not 1 to 64 bytes; what the records'
    /// store says.
    pub fn relate(&self, child: ArtifactId, relation: &str, parent: ArtifactId) -> Result<()> {
        check_word("a relation", relation, MAX_RELATION)?;
        if child == parent {
            return Err(invalid(format!("artifact `{child}` cannot be made from itself")));
        }
        let relation = relation.to_owned();
        self.commits.run(move |transaction| {
            for id in [child, parent] {
                if !transaction.contains(Table::Artifacts, &id.0.bytes())? {
                    return Err(not_found(id));
                }
            }
            add(transaction, child, &relation, parent)
        })
    }

    /// What an artifact was made from, or what was made from it, at most so many steps away. Costs a microsecond for each
    /// relation.
    ///
    /// # Errors
    /// `NotFound`; what the records' store says.
    pub fn lineage(&self, id: ArtifactId, direction: Direction, depth: u32) -> Result<Lineage> {
        let way = match direction {
            Direction::Ancestors => PARENTS,
            Direction::Descendants => CHILDREN,
        };
        self.read(|reader| {
            if reader.get(Table::Artifacts, &id.0.bytes())?.is_none() {
                return Err(not_found(id));
            }
            let mut lineage = Lineage {
                artifacts: vec![id],
                ..Lineage::default()
            };
            let mut seen = HashSet::from([id]);
            let mut waiting = VecDeque::from([(id, 0)]);
            while let Some((from, distance)) = waiting.pop_front() {
                if distance == depth {
                    continue;
                }
                neighbours(reader, way, from, |relation, to| {
                    if !seen.contains(&to) {
                        if lineage.artifacts.len() == MAX_LINEAGE {
                            lineage.truncated = true;
                            return false;
                        }
                        seen.insert(to);
                        lineage.artifacts.push(to);
                        waiting.push_back((to, distance + 1));
                    }
                    let (child, parent) = match direction {
                        Direction::Ancestors => (from, to),
                        Direction::Descendants => (to, from),
                    };
                    lineage.edges.push(Edge {
                        child,
                        relation,
                        parent,
                    });
                    true
                })?;
            }
            Ok(lineage)
        })
    }
}
