//! How records become durable. They are changed and read in the store `run`, which survives the death of any process and
//! waits for no disk; a restart of the machine empties it. What was changed there is copied to the store `keep` in the
//! background, or at once for those who wait for it, and from there after a restart.
//!
//! ```text
//! run    the records, and for each commit that is not copied yet, by its number: the keys that it changed
//! keep   the records as they were after some commit, and its number
//! ```
//!
//! Copying looks at one state of `run`: all keys of all commits that are listed there, as they are then. It is written only if
//! nobody has copied a later state meanwhile. So `keep` goes from one state of `run` to a later one, whoever is killed when,
//! and what a dead process has not copied is copied by the next one that does.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::domain::{Batch, Domain, Durability, Table, Writer};
use crate::error::{PitCode, PitError, Result};

/// The tables that are copied. Their places here are part of the format.
const TABLES: [Table; 6] = [
    Table::Artifacts,
    Table::Contents,
    Table::ArtifactIndex,
    Table::Lines,
    Table::Lineage,
    Table::Memo,
];

/// Commits are listed in this table by their numbers, eight bytes; these are other keys.
const CHANGES: Table = Table::ArtifactChanges;
/// In `run`: the number of the last commit. Also says that `run` has what `keep` had.
const LAST: &[u8] = b"last";
/// In `keep`: the number of the commit that it is the state after.
const COPIED: &[u8] = b"copied";

/// Keys that were changed, by the place of their table.
pub(super) type Changed = BTreeSet<(u8, Vec<u8>)>;

fn number(bytes: Option<&[u8]>) -> Option<u64> {
    Some(u64::from_be_bytes(bytes?.try_into().ok()?))
}

fn corrupted() -> PitError {
    PitError::store(
        PitCode::Corrupted,
        "the list of changes of the artifact store cannot be read",
    )
}

/// Lists what a commit changes, in the same transaction.
pub(super) fn list(writer: &mut Writer<'_>, changed: &Changed) -> Result<()> {
    let last = number(writer.get(CHANGES, LAST)?).ok_or_else(corrupted)? + 1;
    let mut keys = Vec::new();
    for (table, key) in changed {
        let length = u16::try_from(key.len()).map_err(|_| corrupted())?;
        keys.push(*table);
        keys.extend_from_slice(&length.to_le_bytes());
        keys.extend_from_slice(key);
    }
    writer.put(CHANGES, &last.to_be_bytes(), &keys)?;
    writer.put(CHANGES, LAST, &last.to_be_bytes())
}

/// What names a table in a list.
pub(super) fn place(table: Table) -> Option<u8> {
    let place = TABLES.iter().position(|copied| *copied == table)?;
    u8::try_from(place).ok()
}

fn parse(mut keys: &[u8], into: &mut Changed) -> Result<()> {
    while let Some((&table, rest)) = keys.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or_else(corrupted)?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (key, rest) = rest.split_at_checked(length).ok_or_else(corrupted)?;
        into.insert((table, key.to_vec()));
        keys = rest;
    }
    Ok(())
}

/// Fills `run` from `keep`, if nobody has since it was emptied.
pub(super) fn load(domain: &Arc<Domain>) -> Result<()> {
    let is_loaded = |reader: &crate::domain::Reader<'_>| Ok(reader.get(CHANGES, LAST)?.is_some());
    if domain.run().read(is_loaded)? {
        return Ok(());
    }
    let from = Arc::clone(domain);
    let fill = move |writer: &mut Writer<'_>| {
        if writer.get(CHANGES, LAST)?.is_some() {
            return Ok(());
        }
        // Another store, so that reading it here waits for nobody.
        from.keep().read(|reader| {
            for table in TABLES {
                reader.scan(table, Bound::Unbounded, |key, value| {
                    writer.put(table, key, value)?;
                    Ok(true)
                })?;
            }
            let copied = number(reader.get(CHANGES, COPIED)?).unwrap_or(0);
            writer.put(CHANGES, LAST, &copied.to_be_bytes())
        })
    };
    domain.run().transact(Durability::CrashSafe, fill).wait()
}

/// Copies what was changed. Everything that was committed in `run` before it is called is on disk when it returns.
fn copy(domain: &Domain) -> Result<()> {
    let mut numbers = Vec::new();
    let records = domain.run().read(|reader| {
        let mut keys = Changed::new();
        reader.scan(CHANGES, Bound::Unbounded, |key, value| {
            let Ok(listed) = key.try_into() else { return Ok(true) };
            numbers.push(u64::from_be_bytes(listed));
            parse(value, &mut keys)?;
            Ok(true)
        })?;
        keys.into_iter()
            .map(|(table, key)| {
                let table = *TABLES.get(usize::from(table)).ok_or_else(corrupted)?;
                let value = reader.get(table, &key)?.map(<[u8]>::to_vec);
                Ok((table, key, value))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    let Some(&last) = numbers.last() else { return Ok(()) };
    let write = move |writer: &mut Writer<'_>| {
        if number(writer.get(CHANGES, COPIED)?).is_some_and(|copied| copied >= last) {
            return Ok(());
        }
        for (table, key, value) in &records {
            match value {
                Some(value) => writer.put(*table, key, value)?,
                None => drop(writer.delete(*table, key)?),
            }
        }
        writer.put(CHANGES, COPIED, &last.to_be_bytes())
    };
    domain.keep().transact(Durability::Durable, write).wait()?;
    let copied = numbers.into_iter().fold(Batch::new(), |batch, number| {
        batch.delete(CHANGES, number.to_be_bytes())
    });
    domain.run().write(copied, Durability::CrashSafe).wait()
}

#[derive(Default)]
struct Orders {
    wanted: bool,
    ended: bool,
}

/// By which the thread is told what to do. Knows no domain, so that whoever has it keeps none.
#[derive(Default)]
pub(super) struct Signal {
    orders: Mutex<Orders>,
    changed: Condvar,
}

impl Signal {
    /// Has what was changed copied some time.
    pub(super) fn copy(&self) {
        self.give(|orders| orders.wanted = true);
    }

    fn give(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// Waits until there is something to copy. `false` when there will not be.
    fn wait(&self) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        while !orders.wanted && !orders.ended {
            orders = self.changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut orders.wanted)
    }
}

struct Shared {
    domain: Arc<Domain>,
    signal: Arc<Signal>,
    /// Held while copying: who waits for it finds most of its work done.
    copying: Mutex<()>,
}

impl Shared {
    fn copy(&self) -> Result<()> {
        let _one = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        copy(&self.domain)
    }
}

/// The thread that copies in the background, and those who do not wait for it.
pub(super) struct Replica {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Replica {
    pub(super) fn start(domain: &Arc<Domain>) -> Result<Self> {
        let shared = Arc::new(Shared {
            domain: Arc::clone(domain),
            signal: Arc::default(),
            copying: Mutex::default(),
        });
        let background = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("pit-artifacts".into())
            .spawn(move || {
                while background.signal.wait() {
                    // What cannot be copied now, because the disk is full, can be at the next change; who waits is told.
                    let _later = background.copy();
                }
            })
            .map_err(|error| super::files::failed("start the thread that copies records of", domain.folder(), error))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn signal(&self) -> &Arc<Signal> {
        &self.shared.signal
    }

    /// Copies what was changed before, and waits until it is on disk.
    pub(super) fn now(&self) -> Result<()> {
        self.shared.copy()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // In a forked child there is no such thread.
        if self
            .shared
            .domain
            .shared()
            .check()
            .is_err_and(|error| error.code() == PitCode::ForkedHandle)
        {
            return;
        }
        self.shared.signal.give(|orders| orders.ended = true);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
