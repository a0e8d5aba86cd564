//! Changes of records, in the store `run`. Those that arrive while others are being committed are committed together.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::replica::{self, Changed, Replica, Signal};
use crate::atomic::Ordering;
use crate::domain::{Domain, Durability, Reader, Table, Writer};
use crate::error::{Component, PitCode, PitError, Result};
use crate::pending::{Promise, promise};

/// So many are committed together at most: an upper bound of what one commit takes.
const MAX_GROUP: usize = 256;

/// The records as they are and as they are being changed.
pub(super) struct Transaction<'a, 'w> {
    writer: &'a mut Writer<'w>,
    all_changed: &'a mut Changed,
    changed: bool,
}

impl Transaction<'_, '_> {
    pub(super) fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        self.writer
            .get(table, key)?
            .map(|bytes| decode(table, bytes))
            .transpose()
    }

    pub(super) fn contains(&self, table: Table, key: &[u8]) -> Result<bool> {
        Ok(self.writer.get(table, key)?.is_some())
    }

    pub(super) fn put<T: Serialize + ?Sized>(&mut self, table: Table, key: &[u8], record: &T) -> Result<()> {
        let bytes = serde_json::to_vec(record).map_err(|error| {
            PitError::store(PitCode::Internal, format!("a record cannot be written: {error}")).with_source(error)
        })?;
        self.note(table, key);
        self.writer.put(table, key, &bytes)
    }

    /// Sets a key that says by itself what is to be said.
    pub(super) fn mark(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.note(table, key);
        self.writer.put(table, key, b"")
    }

    pub(super) fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        self.note(table, key);
        self.writer.delete(table, key)
    }

    fn note(&mut self, table: Table, key: &[u8]) {
        self.changed = true;
        self.all_changed
            .extend(replica::place(table).map(|place| (place, key.to_vec())));
    }
}

pub(super) fn read<T: DeserializeOwned>(reader: &Reader<'_>, table: Table, key: &[u8]) -> Result<Option<T>> {
    reader.get(table, key)?.map(|bytes| decode(table, bytes)).transpose()
}

pub(super) fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        PitError::store(
            PitCode::Corrupted,
            format!("a record in the table {table:?} cannot be read: {error}"),
        )
        .with_source(error)
    })
}

/// A change that can be tried again: it looks at everything before it changes anything, so that refusing costs others nothing.
/// Keeps its own result; `false` if it failed after it had changed something.
type Change = Box<dyn FnMut(&mut Transaction<'_, '_>) -> bool + Send>;

struct Entry {
    change: Change,
    promise: Option<Promise<()>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Entry>,
    committing: bool,
}

/// The changes of this process.
pub(super) struct Commits {
    domain: Arc<Domain>,
    replica: Replica,
    state: Mutex<State>,
    free: Condvar,
}

impl Commits {
    pub(super) fn new(domain: Arc<Domain>) -> Result<Self> {
        replica::load(&domain)?;
        let replica = Replica::start(&domain)?;
        // Perhaps a dead process has left something.
        replica.signal().copy();
        Ok(Self {
            domain,
            replica,
            state: Mutex::default(),
            free: Condvar::new(),
        })
    }

    pub(super) fn signal(&self) -> &Arc<Signal> {
        self.replica.signal()
    }

    /// Waits until everything that was changed before is on disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.domain.shared().check()?;
        self.replica.now()
    }

    /// Makes a change, which survives this process when this returns.
    pub(super) fn run<T: Send + 'static>(
        &self,
        mut change: impl FnMut(&mut Transaction<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.domain.shared().check()?;
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        let change: Change = Box::new(move |transaction| {
            let result = change(transaction);
            let whole = result.is_ok() || !transaction.changed;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            whole
        });
        let (promise, committed) = promise();
        let entry = Entry {
            change,
            promise: Some(promise),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push(entry);
        // Whoever finds nobody committing commits for all; the others wait, and one of them is next.
        while state.committing && !committed.is_ready() {
            state = self.free.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if committed.is_ready() {
            drop(state);
        } else {
            state.committing = true;
            while !committed.is_ready() {
                let count = state.waiting.len().min(MAX_GROUP);
                let group = state.waiting.drain(..count).collect();
                drop(state);
                self.commit(group);
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            }
            state.committing = false;
            drop(state);
            self.free.notify_all();
        }
        let committed = committed.wait();
        let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (result, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(PitError::store(PitCode::Internal, "a change was not made")),
        }
    }

    fn commit(&self, mut group: Vec<Entry>) {
        let promises: Vec<_> = group.iter_mut().map(|entry| entry.promise.take()).collect();
        let group = Arc::new(Mutex::new(group));
        let together = self.transact(&group, None);
        let single = promises.len() == 1;
        for (place, promise) in promises.into_iter().flatten().enumerate() {
            // One alone may have been too much for the disk; the others shall not suffer.
            let result = match &together {
                Err(_) if !single => self.transact(&group, Some(place)),
                Err(error) => Err(PitError::new(error.component(), error.code(), error.message())),
                Ok(()) => Ok(()),
            };
            promise.fulfil(result);
        }
        let epoch = self.domain.shared().map().epoch(Component::Store);
        epoch.fetch_add(1, Ordering::SeqCst);
        self.replica.signal().copy();
    }

    fn transact(&self, group: &Arc<Mutex<Vec<Entry>>>, only: Option<usize>) -> Result<()> {
        let group = Arc::clone(group);
        let change = move |writer: &mut Writer<'_>| {
            let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
            let mut all_changed = Changed::new();
            let entries = group.iter_mut().enumerate();
            for (_, entry) in entries.filter(|(place, _)| only.is_none_or(|only| only == *place)) {
                let mut transaction = Transaction {
                    writer: &mut *writer,
                    all_changed: &mut all_changed,
                    changed: false,
                };
                if !(entry.change)(&mut transaction) {
                    return Err(PitError::store(PitCode::Internal, "a change could not be completed"));
                }
            }
            if !all_changed.is_empty() {
                replica::list(writer, &all_changed)?;
            }
            Ok(())
        };
        self.domain.run().transact(Durability::CrashSafe, change).wait()
    }
}
