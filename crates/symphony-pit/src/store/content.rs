//! Content that was read: mapped from its file, or decoded into memory.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

/// The bytes of an artifact, or a part of them. Cloning and cutting copy nothing; the bytes stay as long as a piece of them
/// is left, even after the artifact is deleted. Can be used from any thread.
#[derive(Clone)]
pub struct Content {
    bytes: Arc<Bytes>,
    range: Range<usize>,
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Content {
    pub(super) fn mapped(map: Mmap) -> Self {
        let range = 0..map.len();
        let bytes = Arc::new(Bytes::Mapped(map));
        Self { bytes, range }
    }

    pub(super) fn owned(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        let bytes = Arc::new(Bytes::Owned(bytes));
        Self { bytes, range }
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Whether these are the pages of the file itself, shared with all processes that read it.
    pub fn is_mapped(&self) -> bool {
        matches!(*self.bytes, Bytes::Mapped(_))
    }

    /// The part from `offset` on, `length` bytes long; as much of it as there is.
    #[must_use]
    pub fn slice(&self, offset: u64, length: u64) -> Self {
        let within = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).min(self.len());
        let (start, end) = (within(offset), within(offset.saturating_add(length)));
        Self {
            bytes: Arc::clone(&self.bytes),
            range: self.range.start + start..self.range.start + end,
        }
    }
}

impl Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let bytes: &[u8] = match &*self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        };
        &bytes[self.range.clone()]
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Content")
            .field("length", &self.len())
            .field("mapped", &self.is_mapped())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_there_is_of_it() {
        let content = Content::owned((0..10).collect());
        assert_eq!(&*content.slice(2, 3), [2, 3, 4]);
        assert_eq!(&*content.slice(2, 3).slice(1, 9), [3, 4]);
        assert_eq!(&*content.slice(8, u64::MAX), [8, 9]);
        assert!(content.slice(10, 1).is_empty());
        assert!(content.slice(u64::MAX, u64::MAX).is_empty());
    }
}
