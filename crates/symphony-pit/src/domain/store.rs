//! The two stores of a domain: ordered tables of bytes in LMDB, written by many processes.
//!
//! | store | survives | for |
//! |---|---|---|
//! | `run` | the death of any process; not a restart of the machine, after which it is empty | what is true while programs run |
//! | `keep` | a power cut, once a write is answered | what must be found again |
//!
//! # Threads
//!
//! A store has one thread that writes, so that a write begins and ends there, awaits nothing, and no caller waits for another
//! process's lock. Writes that arrive while one is being committed are committed together. Reading is done by any thread,
//! in a closure that must be short: as long as one reads, in whichever process, space that others free is not used again.
//! Reading inside a write's closure, other than through what it gets, is an error of the program and blocks.

use std::ops::Bound;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, MdbError, RoTxn, RwTxn, WithoutTls};

use crate::error::{PitCode, PitError, Result};
use crate::pending::{Pending, Promise, promise};

/// What an answered write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Durability {
    /// The death of any process (in `run`).
    #[default]
    CrashSafe,
    /// A power cut. In `run`, until the machine starts again, so there it means only that the files were synced.
    Durable,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A table of a store: keys of 1 to 511 bytes, in their order, and values of any length.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Table {
            $($(#[$doc])* $name,)*
        }
        const TABLES: &[&str] = &[$($text),*];
    };
}

tables! {
    /// For whoever has a few things to keep: keys begin with the name of their user.
    General = "general";
    /// Models by their identifier.
    Models = "models";
    /// Identifiers of models by what makes them the same.
    Fingerprints = "fingerprints";
    /// Identifiers of models by name; the last one that was registered.
    Names = "names";
    /// Artifacts by their identifier.
    Artifacts = "artifacts";
    /// What is known of contents, by hash.
    Contents = "contents";
    /// Artifacts by tag, metadata, name, type and content; and what there is in all.
    ArtifactIndex = "artifact-index";
    /// Versions by line and number.
    Lines = "lines";
    /// What artifacts were made from, in both directions.
    Lineage = "lineage";
    /// Results by what was done.
    Memo = "memo";
    /// Which records of artifacts were changed in `run` and are not in `keep` yet.
    ArtifactChanges = "artifact-changes";
}

/// The longest key.
const MAX_KEY: usize = 511;

/// So many writes are committed together at most: an upper bound of what one commit takes.
const MAX_GROUP: usize = 256;

type Bytewise = Database<Bytes, Bytes>;

/// Changes that need no look at what is there.
#[derive(Debug, Default, Clone)]
pub struct Batch(Vec<(Table, Vec<u8>, Option<Vec<u8>>)>);

impl Batch {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is under a key.
    #[must_use]
    pub fn put(mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((table, key.into(), Some(value.into())));
        self
    }

    /// Removes what is under a key, if there is something.
    #[must_use]
    pub fn delete(mut self, table: Table, key: impl Into<Vec<u8>>) -> Self {
        self.0.push((table, key.into(), None));
        self
    }

    fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(|(_, key, _)| check_key(key))
    }
}

fn check_key(key: &[u8]) -> Result<()> {
    if (1..=MAX_KEY).contains(&key.len()) {
        return Ok(());
    }
    Err(PitError::domain(
        PitCode::InvalidArgument,
        format!("a key has 1 to {MAX_KEY} bytes, not {}", key.len()),
    ))
}

type Apply = dyn FnOnce(&Opened) -> After + Send;
/// What is left to do when the changes have been committed and perhaps synced.
type After = Box<dyn FnOnce(Result<()>)>;

enum Job {
    Batch(Batch, Durability, Promise<()>),
    /// Brings its own transaction.
    Alone(Box<Apply>, Durability),
    Flush(Promise<()>),
}

/// An open environment and its tables.
#[derive(Clone)]
struct Opened {
    env: Env<WithoutTls>,
    tables: Vec<Bytewise>,
    name: &'static str,
}

/// One store. See the module.
pub struct Store {
    opened: Opened,
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Store")
            .field("name", &self.opened.name)
            .finish_non_exhaustive()
    }
}

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreOptions {
    pub(crate) name: &'static str,
    /// How large its file can grow, in bytes. All processes must agree.
    pub(crate) map_size: usize,
    /// Whether commits are left to the system to write.
    pub(crate) no_sync: bool,
}

impl Store {
    /// Opens the store in `folder`. The caller holds this process's live file, so no other copy of LMDB in this process has
    /// it open, and the domain's lock.
    pub(crate) fn open(folder: &Path, options: StoreOptions) -> Result<Self> {
        let StoreOptions {
            name,
            map_size,
            no_sync,
        } = options;
        let path = folder.join(name);
        let failed = |error| about(name, error);
        reserve_readers(&path)?;
        let mut builder = EnvOpenOptions::new().read_txn_without_tls();
        builder
            .map_size(map_size)
            .max_dbs(u32::try_from(TABLES.len()).unwrap_or(u32::MAX))
            .max_readers(READERS);
        if no_sync {
            // SAFETY: what this flag endangers is the file after a crash of the machine, after which this file is discarded.
            unsafe { builder.flags(EnvFlags::NO_SYNC) };
        }
        // SAFETY: the file is not changed but through LMDB (the folder is the user's alone), is on a local disk, and is open
        // once in this process: the live file's lock keeps other copies out, and heed this one.
        let env = unsafe { builder.open(&path) }.map_err(failed)?;
        let mut transaction = env.write_txn().map_err(failed)?;
        let tables = TABLES
            .iter()
            .map(|table| env.create_database(&mut transaction, Some(table)))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let opened = Opened { env, tables, name };
        let (sender, receiver) = channel();
        let writer = opened.clone();
        let thread = std::thread::Builder::new()
            .name(format!("pit-{name}"))
            .spawn(move || write_all(&writer, &receiver))
            .map_err(|error| PitError::io("start the thread that writes to", &path, error))?;
        Ok(Self {
            opened,
            jobs: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Reads what was committed before, as one state of all tables.
    ///
    /// # Errors
    /// Those of `read`, and what the store says.
    pub fn read<T>(&self, read: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
        check_process()?;
        let transaction = self.opened.env.read_txn().map_err(|error| self.failed(error))?;
        read(&Reader {
            opened: &self.opened,
            transaction,
        })
    }

    /// Makes changes that need no look at what is there; answered when they are as safe as `durability` says. The cheapest way.
    pub fn write(&self, batch: Batch, durability: Durability) -> Pending<()> {
        if let Err(error) = check_process().and_then(|()| batch.check()) {
            return Pending::ready(Err(error));
        }
        let (promise, pending) = promise();
        self.send(Job::Batch(batch, durability, promise));
        pending
    }

    /// Runs `change` on the store's thread, alone among all processes that write; its changes are made if it succeeds. It must
    /// be short, and may neither wait nor call into another language.
    pub fn transact<T: Send + 'static>(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        if let Err(error) = check_process() {
            return Pending::ready(Err(error));
        }
        let (promise, pending) = promise();
        let apply = move |opened: &Opened| -> After {
            let transact = || {
                let transaction = opened.env.write_txn().map_err(|error| about(opened.name, error))?;
                let mut writer = Writer { opened, transaction };
                let value = change(&mut writer)?;
                writer.transaction.commit().map_err(|error| about(opened.name, error))?;
                Ok(value)
            };
            // A panic must not end the thread, for then every later write would fail.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(transact)).unwrap_or_else(|_| {
                Err(PitError::domain(
                    PitCode::Internal,
                    "a change to a store panicked; nothing was changed",
                ))
            });
            Box::new(move |synced| {
                promise.fulfil(result.and_then(|value| synced.map(|()| value)));
            })
        };
        self.send(Job::Alone(Box::new(apply), durability));
        pending
    }

    /// Answered when every write before it has been.
    pub fn flush(&self) -> Pending<()> {
        if let Err(error) = check_process() {
            return Pending::ready(Err(error));
        }
        let (promise, pending) = promise();
        self.send(Job::Flush(promise));
        pending
    }

    /// A job that cannot be sent is dropped, and its promise with it, which says so.
    fn send(&self, job: Job) {
        if let Some(jobs) = &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            let _stopped = jobs.send(job);
        }
    }

    fn failed(&self, error: heed::Error) -> PitError {
        about(self.opened.name, error)
    }

    /// Removes readers that died while they read, so that space can be used again. Gives how many there were.
    pub(crate) fn clear_stale_readers(&self) -> Result<usize> {
        self.opened
            .env
            .clear_stale_readers()
            .map_err(|error| self.failed(error))
    }

    /// Bytes of the file, for the watch on readers that keep it growing.
    ///
    /// # Errors
    /// What the system says.
    pub fn size(&self) -> Result<u64> {
        self.opened.env.real_disk_size().map_err(|error| self.failed(error))
    }

    /// Lets the writes that were sent end, and stops the thread.
    pub(crate) fn stop(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _panicked = thread.join();
        }
    }
}

/// So many can read at a time, over all processes.
const READERS: u32 = 4096;

/// Writes LMDB's table of readers in full before LMDB maps it: a file without blocks on a full disk would end the process that
/// touches it. Only while nobody can have it open, for closing it would drop their locks.
fn reserve_readers(store: &Path) -> Result<()> {
    const LINE: usize = 64;
    let table = store.join("lock.mdb");
    if table.exists() {
        return Ok(());
    }
    super::folder::replace(&table, &vec![0; (READERS as usize + LINE) * LINE])
}

fn check_process() -> Result<()> {
    if super::sys::is_forked() {
        return Err(super::forked());
    }
    Ok(())
}

/// What the writing thread does until nobody can send any more.
fn write_all(opened: &Opened, jobs: &Receiver<Job>) {
    let mut waiting = None;
    while let Some(job) = waiting.take().or_else(|| jobs.recv().ok()) {
        let mut group = Vec::new();
        let mut next = Some(job);
        // What has arrived meanwhile goes along; a job with its own transaction ends the group.
        while let Some(job) = next.take() {
            match job {
                Job::Batch(batch, durability, promise) if group.len() < MAX_GROUP => {
                    group.push((batch, durability, promise));
                    next = jobs.try_recv().ok();
                }
                other => waiting = Some(other),
            }
        }
        if !group.is_empty() {
            commit_group(opened, group);
            continue;
        }
        match waiting.take() {
            Some(Job::Alone(apply, durability)) => {
                let after = apply(opened);
                after(sync(opened, durability));
            }
            Some(Job::Flush(promise)) => drop(promise.fulfil(Ok(()))),
            other => waiting = other,
        }
    }
}

fn commit_group(opened: &Opened, group: Vec<(Batch, Durability, Promise<()>)>) {
    let together = commit(opened, group.iter().map(|(batch, ..)| batch));
    if together.is_err() && group.len() > 1 {
        // Perhaps one alone is too large; the others shall not suffer.
        for (batch, durability, promise) in group {
            let result = commit(opened, [&batch]).and_then(|()| sync(opened, durability));
            promise.fulfil(result);
        }
        return;
    }
    let (durable, safe): (Vec<_>, Vec<_>) = group
        .into_iter()
        .partition(|(_, durability, _)| *durability == Durability::Durable);
    let mut result = Some(together);
    let answer = |promise: Promise<()>, result: &Result<()>| {
        promise.fulfil(match result {
            Ok(()) => Ok(()),
            Err(error) => Err(PitError::domain(error.code(), error.message())),
        });
    };
    if let Some(result) = &result {
        for (_, _, promise) in safe {
            answer(promise, result);
        }
    }
    if !durable.is_empty() {
        let result = result
            .take()
            .unwrap_or(Ok(()))
            .and_then(|()| sync(opened, Durability::Durable));
        for (_, _, promise) in durable {
            answer(promise, &result);
        }
    }
}

fn commit<'a>(opened: &Opened, batches: impl IntoIterator<Item = &'a Batch>) -> Result<()> {
    let failed = |error| about(opened.name, error);
    let mut transaction = opened.env.write_txn().map_err(failed)?;
    for (table, key, value) in batches.into_iter().flat_map(|batch| &batch.0) {
        let table = opened.tables[*table as usize];
        match value {
            Some(value) => table.put(&mut transaction, key, value).map_err(failed)?,
            None => drop(table.delete(&mut transaction, key).map_err(failed)?),
        }
    }
    transaction.commit().map_err(failed)
}

fn sync(opened: &Opened, durability: Durability) -> Result<()> {
    let synced_by_commit = || matches!(opened.env.get_flags(), Ok(flags) if flags & EnvFlags::NO_SYNC.bits() == 0);
    if durability == Durability::CrashSafe || synced_by_commit() {
        return Ok(());
    }
    opened.env.force_sync().map_err(|error| about(opened.name, error))
}

/// One state of all tables of a store, for as long as a closure runs.
pub struct Reader<'a> {
    opened: &'a Opened,
    transaction: RoTxn<'a, WithoutTls>,
}

/// The tables as they are and as they are being changed.
pub struct Writer<'a> {
    opened: &'a Opened,
    transaction: RwTxn<'a>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Reader").field(&self.opened.name).finish()
    }
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Writer").field(&self.opened.name).finish()
    }
}

impl Reader<'_> {
    /// What is under a key.
    ///
    /// # Errors
    /// What the store says.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<&[u8]>> {
        check_key(key)?;
        self.opened.tables[table as usize]
            .get(&self.transaction, key)
            .map_err(|error| about(self.opened.name, error))
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// What the store says.
    pub fn len(&self, table: Table) -> Result<u64> {
        self.opened.tables[table as usize]
            .len(&self.transaction)
            .map_err(|error| about(self.opened.name, error))
    }

    /// Calls `visit` with the keys from `from` on, in order, until it says `false`.
    ///
    /// # Errors
    /// What the store or `visit` says.
    pub fn scan(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let range = (from, Bound::Unbounded);
        let entries = self.opened.tables[table as usize]
            .range(&self.transaction, &range)
            .map_err(|error| about(self.opened.name, error))?;
        for entry in entries {
            let (key, value) = entry.map_err(|error| about(self.opened.name, error))?;
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// What is under a key.
    ///
    /// # Errors
    /// What the store says.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<&[u8]>> {
        check_key(key)?;
        self.opened.tables[table as usize]
            .get(&self.transaction, key)
            .map_err(|error| about(self.opened.name, error))
    }

    /// How many keys there are.
    ///
    /// # Errors
    /// What the store says.
    pub fn len(&self, table: Table) -> Result<u64> {
        self.opened.tables[table as usize]
            .len(&self.transaction)
            .map_err(|error| about(self.opened.name, error))
    }

    /// Sets what is under a key.
    ///
    /// # Errors
    /// What the store says.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        check_key(key)?;
        self.opened.tables[table as usize]
            .put(&mut self.transaction, key, value)
            .map_err(|error| about(self.opened.name, error))
    }

    /// Removes what is under a key. `false` if there was nothing.
    ///
    /// # Errors
    /// What the store says.
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        check_key(key)?;
        self.opened.tables[table as usize]
            .delete(&mut self.transaction, key)
            .map_err(|error| about(self.opened.name, error))
    }
}

/// What LMDB says, in the Pit's words.
fn about(store: &str, error: heed::Error) -> PitError {
    let (code, help) = match &error {
        heed::Error::Mdb(MdbError::MapFull) => (
            PitCode::StorageFull,
            "; delete something or choose a larger size in the options",
        ),
        heed::Error::Mdb(MdbError::VersionMismatch | MdbError::Incompatible) => (
            PitCode::DomainVersion,
            "; use one version of symphony-python-bridge in all processes",
        ),
        heed::Error::Mdb(MdbError::Corrupted | MdbError::Invalid | MdbError::PageNotFound | MdbError::Panic) => (
            PitCode::Corrupted,
            "; end the processes that use the folder, then delete the store's folder or restore it from a copy",
        ),
        heed::Error::Mdb(MdbError::ReadersFull) => (PitCode::ResourceExhausted, "; too many read at a time"),
        heed::Error::Mdb(MdbError::BadValSize) => (PitCode::InvalidArgument, ""),
        heed::Error::EnvAlreadyOpened => (PitCode::AlreadyExists, ""),
        heed::Error::Io(io) => match PitError::io("use", store.as_ref(), std::io::Error::from(io.kind())).code() {
            PitCode::Internal if io.raw_os_error() == Some(libc::ENOSPC) => (PitCode::StorageFull, ""),
            code => (code, ""),
        },
        _ => (PitCode::Internal, ""),
    };
    PitError::domain(code, format!("store `{store}`: {error}{help}")).with_source(error)
}
