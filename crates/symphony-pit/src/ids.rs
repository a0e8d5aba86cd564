//! Who is meant: identifiers of 128 bits that sort by the time they were made, and small numbers for places in shared memory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// 128 bits, a UUID of version 7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id128(Uuid);

impl Id128 {
    /// A new one, later than all before it in this process.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The bytes, in the order in which identifiers sort.
    pub fn bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The identifier with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// As two words, the first one is the more significant: how it lies in shared memory.
    pub(crate) fn words(self) -> [u64; 2] {
        let (high, low) = self.0.as_u64_pair();
        [high, low]
    }

    pub(crate) fn from_words([high, low]: [u64; 2]) -> Self {
        Self(Uuid::from_u64_pair(high, low))
    }
}

impl Default for Id128 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Id128 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

impl fmt::Debug for Id128 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that is no identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId(String);

impl fmt::Display for NotAnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "an identifier has 32 hexadecimal digits in groups of 8-4-4-4-12, not `{}`",
            self.0
        )
    }
}

impl std::error::Error for NotAnId {}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Id128);

        impl $name {
            /// A new one.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text)
                    .map(|id| Self(Id128(id)))
                    .map_err(|_| NotAnId(text.into()))
            }
        }
    )*};
}

identifiers! {
    /// A domain: one folder's state.
    DomainId;
    /// A model as it was registered: its name, version and everything that decides how it loads.
    ModelId;
    /// A model that is, or was, loaded in one process.
    InstanceId;
    /// A stored artifact.
    ArtifactId;
    /// A request for resources.
    RequestId;
}

/// A place in the table of attached processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessSlot(pub u16);

/// A lease: a slot of shared memory and how often that was lent. No two leases of a domain's life have the same one, so
/// that giving back twice, or too late, cannot take from somebody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(u64);

impl LeaseId {
    const SLOT_BITS: u32 = 16;

    pub(crate) fn new(slot: usize, generation: u64) -> Self {
        Self(generation << Self::SLOT_BITS | slot as u64 & 0xffff)
    }

    /// The slot.
    pub fn slot(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    /// How often the slot had been lent before.
    pub fn generation(self) -> u64 {
        self.0 >> Self::SLOT_BITS
    }

    /// As a number, for languages that keep it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// From such a number. One that names no lease is found to be stale when it is used.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.slot(), self.generation())
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LeaseId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_time_and_survive_text_words_and_bytes() {
        let ids: Vec<_> = (0..1000).map(|_| ModelId::new()).collect();
        assert!(ids.is_sorted());
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(Id128::from_words(id.0.words()), id.0);
            assert_eq!(Id128::from_bytes(id.0.bytes()), id.0);
        }
        let error = "x".parse::<ModelId>().unwrap_err();
        assert!(error.to_string().contains("not `x`"), "{error}");
    }

    #[test]
    fn a_lease_is_a_slot_and_a_generation() {
        let lease = LeaseId::new(65_535, (1 << 48) - 1);
        assert_eq!((lease.slot(), lease.generation()), (65_535, (1 << 48) - 1));
        assert_eq!(LeaseId::from_number(lease.number()), lease);
    }
}
