//! By what artifacts are found: one key for each thing that is said of an artifact, which ends with its identifier.

use super::commits::Transaction;
use super::digest::Digest;
use super::records::ArtifactMeta;
use crate::domain::{Reader, Table};
use crate::error::Result;
use crate::ids::{ArtifactId, Id128};

/// So many bytes of a text are in a key; of a longer one, its hash follows.
const LONGEST_INDEXED: usize = 240;
const INDEXED_OF_LONGER: usize = 224;

/// The key of what there is in all.
pub(super) const TOTALS: &[u8] = b"s";

/// The beginning of the keys of everything of which the same is said. The identifier is all that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Posting {
    prefix: Vec<u8>,
    /// Whether more may come between this and the identifier.
    open: bool,
}

impl Posting {
    fn new(kind: u8, parts: &[&[u8]]) -> Self {
        let mut prefix = vec![kind];
        for part in parts {
            prefix.extend_from_slice(part);
            prefix.push(0);
        }
        Self { prefix, open: false }
    }

    fn opened(mut self, beginning: &[u8]) -> Self {
        self.prefix
            .extend_from_slice(&beginning[..beginning.len().min(INDEXED_OF_LONGER)]);
        self.open = true;
        self
    }

    pub(super) fn tag(tag: &str) -> Self {
        Self::new(b't', &[tag.as_bytes()])
    }

    pub(super) fn name(name: &str) -> Self {
        Self::new(b'n', &[name.as_bytes()])
    }

    pub(super) fn name_beginning(beginning: &str) -> Self {
        Self::new(b'n', &[]).opened(beginning.as_bytes())
    }

    pub(super) fn content_type(content_type: &str) -> Self {
        Self::new(b'c', &[content_type.as_bytes()])
    }

    pub(super) fn metadata(name: &str, text: &str) -> Self {
        let text = text.as_bytes();
        if text.len() <= LONGEST_INDEXED {
            return Self::new(b'm', &[name.as_bytes(), text]);
        }
        let hash = blake3::hash(text);
        let mut short = text[..INDEXED_OF_LONGER].to_vec();
        short.extend_from_slice(&hash.as_bytes()[..LONGEST_INDEXED - INDEXED_OF_LONGER]);
        Self::new(b'm', &[name.as_bytes(), &short])
    }

    pub(super) fn metadata_beginning(name: &str, beginning: &str) -> Self {
        Self::new(b'm', &[name.as_bytes()]).opened(beginning.as_bytes())
    }

    pub(super) fn digest(digest: &Digest) -> Self {
        let mut prefix = vec![b'd'];
        prefix.extend_from_slice(&digest.key().0);
        Self { prefix, open: false }
    }

    fn key(&self, id: ArtifactId) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(&id.0.bytes());
        key
    }

    pub(super) fn add(&self, transaction: &mut Transaction<'_, '_>, id: ArtifactId) -> Result<()> {
        transaction.mark(Table::ArtifactIndex, &self.key(id))
    }

    pub(super) fn remove(&self, transaction: &mut Transaction<'_, '_>, id: ArtifactId) -> Result<()> {
        transaction.delete(Table::ArtifactIndex, &self.key(id)).map(drop)
    }

    /// Adds to `found` what this leads to; it may be more than is meant, and is in order of identifiers unless open. Stops
    /// after `limit`.
    pub(super) fn collect(&self, reader: &Reader<'_>, limit: usize, found: &mut Vec<ArtifactId>) -> Result<()> {
        let from = std::ops::Bound::Included(self.prefix.as_slice());
        reader.scan(Table::ArtifactIndex, from, |key, _| {
            let Some(rest) = key.strip_prefix(self.prefix.as_slice()) else {
                return Ok(false);
            };
            if let Some((between, id)) = rest.split_last_chunk::<16>()
                && (self.open || between.is_empty())
            {
                found.push(ArtifactId(Id128::from_bytes(*id)));
            }
            Ok(found.len() < limit)
        })
    }
}

/// All keys of an artifact.
pub(super) fn postings(meta: &ArtifactMeta) -> Vec<Posting> {
    let mut postings = vec![Posting::digest(&meta.digest), Posting::content_type(&meta.content_type)];
    postings.extend(meta.name.as_deref().map(Posting::name));
    postings.extend(meta.tags.iter().map(|tag| Posting::tag(tag)));
    postings.extend(meta.metadata.iter().map(|(name, text)| Posting::metadata(name, text)));
    postings
}
