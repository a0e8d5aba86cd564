//! Results by what was done: an action that was done before need not be done again.

use serde::{Deserialize, Serialize};

use super::ArtifactStore;
use super::commits;
use super::digest::Digest;
use super::ledger::{deleted, not_found};
use super::records::ArtifactMeta;
use crate::domain::Table;
use crate::error::Result;
use crate::ids::ArtifactId;
use crate::time::Wall;

/// The result of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Memo {
    /// The artifact.
    pub id: ArtifactId,
    /// Its content.
    pub digest: Digest,
    /// When it was recorded.
    pub created: Wall,
}

impl ArtifactStore {
    /// The result of an action, which is named by the digest of everything that decides its result ([`Digest::of`]). None if
    /// it is not known, or its artifact was deleted. Costs a few microseconds.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn memo_get(&self, action: &Digest) -> Result<Option<Memo>> {
        self.read(|reader| {
            let Some(memo) = commits::read::<Memo>(reader, Table::Memo, &action.key().0)? else {
                return Ok(None);
            };
            let meta: Option<ArtifactMeta> = commits::read(reader, Table::Artifacts, &memo.id.0.bytes())?;
            Ok(meta.is_some_and(|meta| meta.deleted.is_none()).then_some(memo))
        })
    }

    /// Records the result of an action, in place of what was recorded before. Costs a commit. Blocks: not on the thread of an
    /// event loop.
    ///
    /// # Errors
    /// `NotFound` if there is no such artifact; what the records' store says.
    pub fn memo_put(&self, action: &Digest, result: ArtifactId) -> Result<Memo> {
        let action = action.key().0;
        self.commits.run(move |transaction| {
            let meta: ArtifactMeta = transaction
                .get(Table::Artifacts, &result.0.bytes())?
                .ok_or_else(|| not_found(result))?;
            if let Some(time) = meta.deleted {
                return Err(deleted(result, time));
            }
            let memo = Memo {
                id: result,
                digest: meta.digest,
                created: Wall::now(),
            };
            transaction.put(Table::Memo, &action, &memo)?;
            Ok(memo)
        })
    }

    /// Forgets the result of an action. `false` if none was recorded. Costs a commit. Blocks: not on the thread of an event
    /// loop.
    ///
    /// # Errors
    /// What the records' store says.
    pub fn memo_forget(&self, action: &Digest) -> Result<bool> {
        let action = action.key().0;
        self.commits.run(move |transaction| {
            Ok(transaction.contains(Table::Memo, &action)? && transaction.delete(Table::Memo, &action)?)
        })
    }
}
