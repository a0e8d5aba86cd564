//! What lies where in `meta` and `hot.map`, and whether bytes are such files. Pure, so that any bytes can be tried.
//!
//! `meta` is 64 bytes that never change: what made the folder. `hot.map` is an array of cells of 64 bytes, which is how
//! much of memory a processor owns at a time: nobody who uses one cell slows down the users of the next.
//!
//! | cells of `hot.map` | |
//! |---|---|
//! | 0 | magic, version, start of the machine (2), domain (2), check word over these |
//! | 1 | epochs: how often each component has changed |
//! | 2 | budget: memory, memory of the graphics processor, thousandths of cores; each plus one, 0 for none |
//! | 4, 5 | which processes wait for leases, and for events; a bit for each |
//! | 8 … 12 | counters |
//! | 12 | how many events there have been |
//! | 16 … 32 | doorbells, 32 bits for each process |
//! | [`PROCESSES`] | state, pid, start of the process, last beat, first beat |
//! | [`INSTANCES`], two each | state, model's place, instance (2), model (2), slots; last use, memory (3), since, flags, health, uses before |
//! | [`MODELS`] | model (2), instances (4 words of bits) |
//! | [`LEASES`] | slot word, since when, place of the instance |
//! | [`EVENTS`] | sequence, time, what (5), check word |

use std::fmt;

use crate::domain::slot::Slot;
use crate::error::{PitCode, PitError};
use crate::ids::{DomainId, Id128};
use crate::lifecycle::InstanceState;
use crate::time::{BootId, Wall};

/// Changes with every change of either file's layout.
pub const LAYOUT: u32 = 1;

/// Changes with every change of what the stores' records mean.
pub const SCHEMA: u32 = 1;

/// Bytes of `meta`.
pub const META_BYTES: usize = 64;

/// Words of a cell.
pub const CELL_WORDS: usize = 8;

/// Bytes of a cell.
pub const CELL_BYTES: usize = CELL_WORDS * 8;

/// How many processes can be attached at a time.
pub const PROCESS_COUNT: usize = 256;
/// How many models can be loaded at a time, over all processes.
pub const INSTANCE_COUNT: usize = 256;
/// How many models can be registered.
pub const MODEL_COUNT: usize = 1024;
/// How many leases there can be at a time.
pub const LEASE_COUNT: usize = 8192;
/// How many of the last events are remembered.
pub const EVENT_COUNT: usize = 4096;

pub(crate) const EPOCHS: usize = 1;
pub(crate) const BUDGET: usize = 2;
pub(crate) const WAITING: usize = 4;
pub(crate) const COUNTERS: usize = 8;
pub(crate) const COUNTER_CELLS: usize = 4;
pub(crate) const EVENT_HEAD: usize = 12;
pub(crate) const DOORBELLS: usize = 16;
pub(crate) const DOORBELL_CELLS: usize = PROCESS_COUNT * 4 / CELL_BYTES;
/// The first cell of the table of processes.
pub const PROCESSES: usize = DOORBELLS + DOORBELL_CELLS;
/// The first cell of the table of instances.
pub const INSTANCES: usize = PROCESSES + PROCESS_COUNT;
/// How many cells an instance has.
pub(crate) const INSTANCE_CELLS: usize = 2;
/// The first cell of the table of models.
pub const MODELS: usize = INSTANCES + INSTANCE_COUNT * INSTANCE_CELLS;
/// The first cell of the table of leases.
pub const LEASES: usize = MODELS + MODEL_COUNT;
/// The first cell of the ring of events.
pub const EVENTS: usize = LEASES + LEASE_COUNT;
/// How many cells there are.
pub const CELLS: usize = EVENTS + EVENT_COUNT;
/// Bytes of `hot.map`.
pub const HOT_BYTES: usize = CELLS * CELL_BYTES;

const META_MAGIC: [u8; 8] = *b"SYMPIT\r\n";
const HOT_MAGIC: u64 = u64::from_le_bytes(*b"SYMHOT\r\n");

/// Why bytes are not the file they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Another version made the file.
    Version {
        /// What of it differs.
        what: &'static str,
        /// What this version has.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// The bytes make no sense.
    Damaged(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { what, expected, found } => write!(formatter, "{what} {found}, expected {expected}"),
            Self::Damaged(how) => formatter.write_str(how),
        }
    }
}

impl Fault {
    /// The error to show, with what helps.
    pub(crate) fn about(&self, path: &std::path::Path) -> PitError {
        match self {
            Self::Version { .. } => PitError::domain(
                PitCode::DomainVersion,
                format!(
                    "`{}` was made by another version of symphony-python-bridge ({self}); use one version in all processes, \
                     or delete the folder when none uses it",
                    path.display()
                ),
            ),
            Self::Damaged(_) => PitError::domain(
                PitCode::Corrupted,
                format!(
                    "`{}` is damaged: {self}; end the processes that use the folder, then delete `hot.map` and `run` in it \
                     (or all of it, if `meta` is meant)",
                    path.display()
                ),
            ),
        }
    }
}

fn damaged(how: impl Into<String>) -> Fault {
    Fault::Damaged(how.into())
}

/// What made a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The folder's identity.
    pub domain: DomainId,
    /// The size of the machine's pages, on which the stores' layout depends.
    pub page_size: u32,
    /// When it was made.
    pub created: Wall,
}

impl Meta {
    /// The bytes of the file `meta`.
    pub fn to_bytes(&self) -> [u8; META_BYTES] {
        let mut bytes = [0; META_BYTES];
        bytes[..8].copy_from_slice(&META_MAGIC);
        bytes[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
        bytes[12..16].copy_from_slice(&SCHEMA.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.page_size.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.domain.0.bytes());
        bytes[40..48].copy_from_slice(&self.created.0.to_le_bytes());
        let check = mix(bytes[..56].chunks_exact(8).map(word));
        bytes[56..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// What the bytes say.
    ///
    /// # Errors
    /// They are not the file `meta` of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() < 16 || bytes[..8] != META_MAGIC {
            return Err(damaged("it does not begin as a domain's `meta` does"));
        }
        let number = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or_default();
        // Versions come first: another version's file may be longer, and its check another.
        for (what, expected, found) in [("layout", LAYOUT, number(8)), ("schema", SCHEMA, number(12))] {
            if expected != found {
                return Err(Fault::Version {
                    what,
                    expected: expected.into(),
                    found: found.into(),
                });
            }
        }
        if bytes.len() != META_BYTES {
            return Err(damaged(format!("it has {} bytes, expected {META_BYTES}", bytes.len())));
        }
        if mix(bytes[..56].chunks_exact(8).map(word)) != word(&bytes[56..]) {
            return Err(damaged("its check sum does not fit"));
        }
        let mut domain = [0; 16];
        domain.copy_from_slice(&bytes[24..40]);
        Ok(Self {
            domain: DomainId(Id128::from_bytes(domain)),
            page_size: number(16),
            created: Wall(i64::from_le_bytes(word(&bytes[40..48]).to_le_bytes())),
        })
    }
}

/// The beginning of `hot.map`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotHeader {
    /// The machine's run in which it was made.
    pub boot: BootId,
    /// The folder to which it belongs.
    pub domain: DomainId,
}

impl HotHeader {
    /// The first cell.
    pub fn to_words(&self) -> [u64; CELL_WORDS] {
        let (boot_high, boot_low) = uuid::Uuid::from_bytes(self.boot.0).as_u64_pair();
        let [domain_high, domain_low] = self.domain.0.words();
        let mut words = [
            HOT_MAGIC,
            LAYOUT.into(),
            boot_high,
            boot_low,
            domain_high,
            domain_low,
            CELLS as u64,
            0,
        ];
        words[7] = mix(words[..7].iter().copied());
        words
    }

    fn from_words(words: &[u64]) -> Result<Self, Fault> {
        let &[
            magic,
            layout,
            boot_high,
            boot_low,
            domain_high,
            domain_low,
            cells,
            check,
        ] = words
        else {
            return Err(damaged("it is empty"));
        };
        if magic != HOT_MAGIC {
            return Err(damaged("it does not begin as a domain's `hot.map` does"));
        }
        if layout != u64::from(LAYOUT) {
            return Err(Fault::Version {
                what: "layout",
                expected: LAYOUT.into(),
                found: layout,
            });
        }
        if mix(words[..7].iter().copied()) != check || cells != CELLS as u64 {
            return Err(damaged("the check sum of its first cell does not fit"));
        }
        Ok(Self {
            boot: BootId(uuid::Uuid::from_u64_pair(boot_high, boot_low).into_bytes()),
            domain: DomainId(Id128::from_words([domain_high, domain_low])),
        })
    }

    /// What the bytes of a whole `hot.map` say, after a look at every cell that could lead astray.
    ///
    /// What other processes change meanwhile stays within these rules, so the answer holds for a file in use, too.
    ///
    /// # Errors
    /// They are not a `hot.map` of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let words: Vec<u64> = bytes.chunks_exact(8).map(word).collect();
        let header = Self::from_words(words.get(..CELL_WORDS).unwrap_or_default())?;
        if bytes.len() != HOT_BYTES {
            return Err(damaged(format!("it has {} bytes, expected {HOT_BYTES}", bytes.len())));
        }
        let cell = |index: usize| &words[index * CELL_WORDS..(index + 1) * CELL_WORDS];
        for place in 0..PROCESS_COUNT {
            let status = cell(PROCESSES + place)[0] & 0xff;
            if status > PROCESS_STATES {
                return Err(damaged(format!("process {place} has the unknown state {status}")));
            }
        }
        for place in 0..INSTANCE_COUNT {
            let words = cell(INSTANCES + place * INSTANCE_CELLS);
            let state = InstanceWord::unpack(words[0]);
            if InstanceState::from_number(state.state).is_none() {
                return Err(damaged(format!(
                    "instance {place} has the unknown state {}",
                    state.state
                )));
            }
            if state.state != 0 && (usize::from(state.owner) >= PROCESS_COUNT || words[1] >= MODEL_COUNT as u64) {
                return Err(damaged(format!(
                    "instance {place} names a process or model that cannot be"
                )));
            }
            let slots = SlotRange::unpack(words[6]);
            if slots.end() > LEASE_COUNT {
                return Err(damaged(format!("instance {place} has slots up to {}", slots.end())));
            }
        }
        for place in 0..LEASE_COUNT {
            let holder = Slot::unpack(cell(LEASES + place)[0]).holder.place();
            if holder.is_some_and(|holder| usize::from(holder) >= PROCESS_COUNT) {
                return Err(damaged(format!("lease {place} is held by a process that cannot be")));
            }
        }
        Ok(header)
    }
}

/// The largest number of a process's state.
pub(crate) const PROCESS_STATES: u64 = 3;

/// The first word of an instance: its state, whose it is, and how many instances have been in this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InstanceWord {
    pub(crate) generation: u64,
    pub(crate) owner: u16,
    pub(crate) state: u8,
}

impl InstanceWord {
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            generation: word >> 24,
            owner: (word >> 8 & 0xffff) as u16,
            state: (word & 0xff) as u8,
        }
    }

    pub(crate) const fn pack(self) -> u64 {
        self.generation << 24 | (self.owner as u64) << 8 | self.state as u64
    }
}

/// The lease slots of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SlotRange {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl SlotRange {
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            first: (word >> 32) as u32,
            count: (word & 0xffff_ffff) as u32,
        }
    }

    pub(crate) const fn pack(self) -> u64 {
        (self.first as u64) << 32 | self.count as u64
    }

    pub(crate) const fn end(self) -> usize {
        self.first as usize + self.count as usize
    }

    pub(crate) fn places(self) -> std::ops::Range<usize> {
        self.first as usize..self.end().min(LEASE_COUNT)
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_le_bytes).unwrap_or_default()
}

/// A check word: cheap, and different for words that were torn or changed by accident. Not against intent.
pub(crate) fn mix(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0x9e37_79b9_7f4a_7c15, |sum, word| {
        (sum ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            domain: DomainId::new(),
            page_size: 4096,
            created: Wall::now(),
        }
    }

    fn hot() -> Vec<u8> {
        let header = HotHeader {
            boot: BootId([7; 16]),
            domain: DomainId::new(),
        };
        let mut bytes: Vec<u8> = header.to_words().iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(HOT_BYTES, 0);
        bytes
    }

    fn put(bytes: &mut [u8], cell: usize, word: usize, value: u64) {
        bytes[cell * CELL_BYTES + word * 8..][..8].copy_from_slice(&value.to_le_bytes());
    }

    #[test]
    fn meta_is_read_as_it_was_written() {
        let meta = meta();
        assert_eq!(Meta::from_bytes(&meta.to_bytes()), Ok(meta));
    }

    #[test]
    fn every_flipped_bit_of_meta_is_noticed() {
        let bytes = meta().to_bytes();
        for bit in 0..META_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Meta::from_bytes(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..META_BYTES {
            assert!(Meta::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_version_is_named_and_not_called_damage() {
        let mut bytes = meta().to_bytes().to_vec();
        bytes[8] = 9;
        bytes.resize(200, 0);
        let fault = Meta::from_bytes(&bytes).unwrap_err();
        assert_eq!(fault.to_string(), "layout 9, expected 1");
        assert_eq!(fault.about("x".as_ref()).code(), PitCode::DomainVersion);
        let mut hot = hot();
        put(&mut hot, 0, 1, 2);
        let fault = HotHeader::from_bytes(&hot).unwrap_err();
        assert_eq!(fault.about("x".as_ref()).code(), PitCode::DomainVersion);
    }

    #[test]
    fn an_empty_map_is_right_and_each_kind_of_damage_is_named() {
        let whole = hot();
        assert!(HotHeader::from_bytes(&whole).is_ok());
        assert!(HotHeader::from_bytes(&whole[..HOT_BYTES - 1]).is_err());
        let fault = |cell, word, value| {
            let mut bytes = whole.clone();
            put(&mut bytes, cell, word, value);
            HotHeader::from_bytes(&bytes).unwrap_err().to_string()
        };
        assert!(fault(0, 2, 1).contains("first cell"));
        assert_eq!(fault(PROCESSES + 3, 0, 9), "process 3 has the unknown state 9");
        assert_eq!(fault(INSTANCES + 2, 0, 77), "instance 1 has the unknown state 77");
        assert!(fault(INSTANCES, 0, 0xffff << 8 | 1).contains("instance 0 names"));
        assert!(fault(INSTANCES, 6, u64::MAX).contains("instance 0 has slots"));
        assert!(fault(LEASES + 5, 0, 0xffff).contains("lease 5"));
    }
}
