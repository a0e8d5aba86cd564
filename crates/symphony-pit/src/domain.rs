//! A domain: one folder whose state all processes of a project share by memory.
//!
//! ```text
//! .pit/   meta            what made it
//!         hot.map         atomics: processes, instances, leases, counters, events        10 … 50 ns
//!         run/  keep/     two LMDB stores                                                0.1 … 5 us
//!         live/<process>  locked by each attached process for its life
//!         lock            held while a process attaches
//!         pool.lock       held while it is decided what is loaded
//! ```
//!
//! # Threads
//!
//! Everything here can be used from any thread. Nothing but [`Domain::attach`], [`Pending::wait`] and dropping the last
//! reference waits. Three threads belong to a domain: one that writes for each store, and the keeper, which gives signs of
//! life, clears up after dead processes and lets the components do what is due.
//!
//! # Processes
//!
//! A process attaches once; who asks again for the same folder gets the same domain. A second copy of this library in one
//! process is refused: closing a file in one would drop the other's locks. A forked child has none of it (memory, threads and
//! locks are its parent's), and every operation says [`PitCode::ForkedHandle`] there.
//!
//! Trust: the processes of one user on one machine that see each other's process numbers. One that writes nonsense into
//! the map can make others give wrong answers. It cannot make them read or write outside it.

mod events;
mod folder;
mod hot_map;
mod keeper;
pub mod layout;
mod processes;
mod slot;
mod store;
mod sys;

use std::fs;
use std::mem::ManuallyDrop;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

pub use folder::{FOLDER_VARIABLE, locate};
pub use hot_map::Reclaimed;
pub use processes::ProcessInfo;
pub use store::{Batch, Durability, Reader, Store, Table, Writer};

pub(crate) use events::{
    Found, RawEvent, head as event_head, read as read_event, recent as recent_events, write as write_event,
};
pub(crate) use folder::Lock;
pub(crate) use hot_map::{Awaited, Counter, DeadInstance, HotMap, InstanceCell, flags};
pub(crate) use keeper::Attendant;
pub(crate) use layout::{InstanceWord, SlotRange};
pub(crate) use slot::{Holder, announce, claim_behind, held, release, revoke};

use crate::atomic::{AtomicU64, Ordering};
use crate::error::{Component, PitCode, PitError, Result};
use crate::ids::{DomainId, ProcessSlot};
use crate::pending::Pending;
use crate::time::{BootId, Mono, Wall};
use keeper::Keeper;
use layout::{HotHeader, Meta};
use processes::{Membership, Process};
use store::StoreOptions;

/// How a process attaches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachOptions {
    /// How large each store can grow, in bytes. Default: 2^30. Costs address space, and disk only as it is used.
    /// All processes of a domain must say the same.
    pub map_size: usize,
    /// Whether the folder may be on a network file system or in memory. Default: no.
    pub any_filesystem: bool,
    /// How often the keeper gives a sign and looks for dead processes. Default: 100 ms.
    pub beat: Duration,
}

impl Default for AttachOptions {
    fn default() -> Self {
        Self {
            map_size: 1 << 30,
            any_filesystem: false,
            beat: Duration::from_millis(100),
        }
    }
}

/// A folder's state, and this process's place in it. See the module.
#[derive(Debug)]
pub struct Domain {
    shared: ManuallyDrop<Arc<Shared>>,
    membership: ManuallyDrop<Membership>,
    keeper: ManuallyDrop<Keeper>,
}

/// What the keeper uses, too.
#[derive(Debug)]
pub(crate) struct Shared {
    map: HotMap,
    folder: PathBuf,
    id: DomainId,
    place: u16,
    pub(crate) run: Store,
    keep: Store,
    /// The time a moment ago: at most one beat old. The clock itself costs as much as a lease.
    recent: AtomicU64,
    closed: std::sync::atomic::AtomicBool,
}

/// How long another process may take to attach.
const PATIENCE: Duration = Duration::from_secs(10);

/// Device and inode.
type FolderIdentity = (u64, u64);

/// The domains of this process, by the identity of their folder, in the order in which they were attached.
static ATTACHED: Mutex<Vec<(FolderIdentity, Weak<Domain>)>> = Mutex::new(Vec::new());

/// Held while a thread attaches.
static ATTACHING: Mutex<()> = Mutex::new(());

/// Held for moments: what is upgraded under it is dropped after it, because dropping the last reference waits for threads.
fn registered() -> MutexGuard<'static, Vec<(FolderIdentity, Weak<Domain>)>> {
    ATTACHED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn forked() -> PitError {
    PitError::domain(
        PitCode::ForkedHandle,
        format!(
            "process {} was forked from one that is attached, and cannot use its memory and locks; start processes with \
             `spawn` or `forkserver` (multiprocessing), or exec",
            std::process::id()
        ),
    )
}

impl Domain {
    /// Attaches this process to the domain in `folder`, which is made if it is not there. May wait for other processes that
    /// attach, a few milliseconds; not for the thread of an event loop.
    ///
    /// # Errors
    /// * `ForkedHandle`: in a forked child of an attached process.
    /// * `AlreadyExists`: another copy of this library in this process is attached.
    /// * `DomainVersion`: another version of this library made the folder.
    /// * `Corrupted`: a file is damaged; the message says what to delete.
    /// * `InvalidArgument`: a network file system, no folder, somebody else's folder.
    /// * `ReadOnly`, `StorageFull`: it cannot be written.
    /// * `ResourceExhausted`: too many processes are attached.
    /// * `Timeout`: another process has been attaching for ten seconds.
    pub fn attach(folder: impl AsRef<Path>, options: &AttachOptions) -> Result<Arc<Self>> {
        if sys::is_forked() {
            return Err(forked());
        }
        let folder = folder::prepare(folder.as_ref(), options.any_filesystem)?;
        let metadata = fs::metadata(&folder).map_err(|error| PitError::io("inspect", &folder, error))?;
        let identity = (metadata.dev(), metadata.ino());
        // Two threads must not both try.
        let _attaching = ATTACHING.lock().unwrap_or_else(PoisonError::into_inner);
        let known = registered()
            .iter()
            .find(|(known, _)| *known == identity)
            .and_then(|(_, domain)| domain.upgrade());
        if let Some(domain) = known {
            if !domain.is_closed() {
                return Ok(domain);
            }
            return Err(PitError::domain(
                PitCode::AlreadyExists,
                format!(
                    "this process has closed the domain `{}`, but something still refers to it; it can attach again afterwards",
                    folder.display()
                ),
            ));
        }
        let domain = Arc::new(Self::open(&folder, options)?);
        let mut attached = registered();
        attached.retain(|(known, domain)| *known != identity && domain.strong_count() > 0);
        attached.push((identity, Arc::downgrade(&domain)));
        Ok(domain)
    }

    /// Attaches to the domain that the environment variable `PIT_DIR` names, or to that of the project around the working
    /// directory.
    ///
    /// # Errors
    /// As [`Self::attach`]; `NotFound` outside a project.
    pub fn attach_default(options: &AttachOptions) -> Result<Arc<Self>> {
        let folder = match std::env::var_os(FOLDER_VARIABLE) {
            Some(folder) if !folder.is_empty() => folder.into(),
            _ => {
                let from = std::env::current_dir().map_err(|error| PitError::io("find", ".".as_ref(), error))?;
                locate(&from)?
            }
        };
        Self::attach(folder, options)
    }

    /// The domain that this process attached to first, of those that it has not left.
    pub fn attached() -> Option<Arc<Self>> {
        if sys::is_forked() {
            return None;
        }
        let attached: Vec<_> = registered().iter().filter_map(|(_, domain)| domain.upgrade()).collect();
        attached.into_iter().find(|domain| !domain.is_closed())
    }

    fn open(folder: &Path, options: &AttachOptions) -> Result<Self> {
        let process = Process::this();
        let _attaching = Lock::take(&folder.join("lock"), PATIENCE)?;
        let alive = processes::lock_live_file(folder, process)?;
        let meta = read_or_make_meta(folder)?;
        let map = HotMap::new(open_map(folder, meta, process)?);
        processes::clear_unfinished(&map);
        processes::bury_dead(&map, folder, None, |lost| crate::pool::record_death(&map, lost))?;
        let store = |name, no_sync| {
            Store::open(
                folder,
                StoreOptions {
                    name,
                    map_size: options.map_size,
                    no_sync,
                },
            )
        };
        let (run, keep) = (store("run", true)?, store("keep", false)?);
        let membership = Membership::join(&map, folder, process, alive)?;
        let shared = Arc::new(Shared {
            place: membership.place,
            map,
            folder: folder.to_owned(),
            id: meta.domain,
            run,
            keep,
            recent: AtomicU64::new(Mono::now().0),
            closed: false.into(),
        });
        let keeper = Keeper::start(Arc::clone(&shared), options.beat)?;
        Ok(Self {
            shared: ManuallyDrop::new(shared),
            membership: ManuallyDrop::new(membership),
            keeper: ManuallyDrop::new(keeper),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The folder's identity.
    pub fn id(&self) -> DomainId {
        self.shared.id
    }

    /// This process's place.
    pub fn slot(&self) -> ProcessSlot {
        ProcessSlot(self.shared.place)
    }

    /// The store that a restart of the machine empties.
    pub fn run(&self) -> &Store {
        &self.shared.run
    }

    /// The store that survives.
    pub fn keep(&self) -> &Store {
        &self.shared.keep
    }

    /// The processes that are attached, this one included.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    pub fn processes(&self) -> Result<Vec<ProcessInfo>> {
        self.shared.check()?;
        Ok(processes::list(&self.shared.map))
    }

    /// Clears up after processes that have died, now. The keeper does it, too; whoever learns of a death calls this, so that
    /// what the dead one had is free at once.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`, and what the system says.
    pub fn reclaim_dead(&self) -> Result<Vec<(ProcessSlot, Reclaimed)>> {
        self.shared.check()?;
        self.shared.reclaim_dead()
    }

    /// How often a component has changed, in any process. Costs one load.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    #[inline]
    pub fn epoch(&self, component: Component) -> Result<u64> {
        self.shared.check()?;
        Ok(self.shared.map.epoch(component).load(Ordering::SeqCst))
    }

    /// Answered when every write of this process before it has been.
    pub fn flush(&self) -> Pending<()> {
        self.shared.run.flush()
    }

    /// Leaves the domain: gives back what this process has, and lets the writes that it sent end. Everything afterwards says
    /// `NotAttached`. Idempotent. Not on the thread of an event loop.
    ///
    /// The process can attach again when the last reference is gone. Without this call, the keeper may hold the last one for a
    /// moment after all others were dropped.
    pub fn close(&self) {
        if sys::is_forked() || self.shared.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.keeper.stop();
        self.shared.run.stop();
        self.shared.keep.stop();
        self.shared.map.reclaim(self.shared.place, |_| {});
        self.shared.ring_waiting();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Has `attendant` called by the keeper, as long as somebody else owns it.
    pub(crate) fn attend(&self, attendant: Weak<dyn Attendant>) {
        self.keeper.attend(attendant);
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // In a forked child, all of it is the parent's: not even descriptors may be closed, for their numbers may be others'.
        if sys::is_forked() {
            return;
        }
        self.close();
        // SAFETY: taken here alone, and `self` is not used afterwards.
        let membership = unsafe { ManuallyDrop::take(&mut self.membership) };
        // SAFETY: as above.
        drop(unsafe { ManuallyDrop::take(&mut self.keeper) });
        let left = membership.leave(&self.shared.map);
        self.shared.ring_waiting();
        // SAFETY: as above.
        drop(unsafe { ManuallyDrop::take(&mut self.shared) });
        drop(left);
    }
}

impl Shared {
    /// Whether this process may use it.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if sys::is_forked() {
            return Err(forked());
        }
        if self.closed.load(Ordering::Relaxed) {
            return Err(PitError::domain(
                PitCode::NotAttached,
                format!("this process has left the domain `{}`", self.folder.display()),
            ));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn map(&self) -> &HotMap {
        &self.map
    }

    #[inline]
    pub(crate) fn place(&self) -> u16 {
        self.place
    }

    #[inline]
    pub(crate) fn holder(&self) -> Holder {
        Holder::process(self.place)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The time a moment ago, at most one beat old.
    #[inline]
    pub(crate) fn recently(&self) -> Mono {
        Mono(self.recent.load(Ordering::Relaxed))
    }

    /// The time now, which then is the recent one.
    pub(crate) fn now(&self) -> Mono {
        let now = Mono::now();
        self.recent.store(now.0, Ordering::Relaxed);
        now
    }

    /// Adds an event and wakes those who wait for one.
    pub(crate) fn tell(&self, what: [u64; 5]) {
        events::write(&self.map, what);
        self.ring_waiting();
        for place in self.map.all_waiting(Awaited::Event) {
            self.ring(place);
        }
    }

    /// Wakes the keepers of all processes that wait for a lease or for room.
    #[inline]
    pub(crate) fn ring_waiting(&self) {
        if self.map.is_awaited(Awaited::Slot) {
            self.ring_all_waiting();
        }
    }

    #[cold]
    fn ring_all_waiting(&self) {
        for place in self.map.all_waiting(Awaited::Slot) {
            self.ring(place);
        }
    }

    /// Wakes the keeper of the process at `place`.
    #[cold]
    pub(crate) fn ring(&self, place: u16) {
        if let Some(bell) = self.map.doorbell(place) {
            bell.fetch_add(1, Ordering::SeqCst);
            keeper::wake(bell);
        }
    }

    fn reclaim_dead(&self) -> Result<Vec<(ProcessSlot, Reclaimed)>> {
        let buried = processes::bury_dead(&self.map, &self.folder, Some(self.place), |lost| {
            crate::pool::record_death(&self.map, lost);
        })?;
        if !buried.is_empty() {
            self.ring_waiting();
        }
        Ok(buried)
    }
}

fn read_or_make_meta(folder: &Path) -> Result<Meta> {
    let path = folder.join("meta");
    let page_size = u32::try_from(rustix::param::page_size()).unwrap_or_default();
    match fs::read(&path) {
        Ok(bytes) => {
            let meta = Meta::from_bytes(&bytes).map_err(|fault| fault.about(&path))?;
            if meta.page_size != page_size {
                let fault = layout::Fault::Version {
                    what: "page size",
                    expected: page_size.into(),
                    found: meta.page_size.into(),
                };
                return Err(fault.about(&path));
            }
            Ok(meta)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if folder.join("keep/data.mdb").exists() {
                return Err(layout::Fault::Damaged("it is missing, and there is a store".into()).about(&path));
            }
            let meta = Meta {
                domain: DomainId::new(),
                page_size,
                created: Wall::now(),
            };
            folder::replace(&path, &meta.to_bytes())?;
            Ok(meta)
        }
        Err(error) => Err(PitError::io("read", &path, error)),
    }
}

/// Opens `hot.map`. After a restart of the machine it is made anew, and what belongs to it is removed.
fn open_map(folder: &Path, meta: Meta, process: Process) -> Result<sys::Mapping> {
    let path = folder.join("hot.map");
    let header = HotHeader {
        boot: BootId::current(),
        domain: meta.domain,
    };
    let found = match fs::read(&path) {
        Ok(bytes) => Some(HotHeader::from_bytes(&bytes).map_err(|fault| fault.about(&path))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(PitError::io("read", &path, error)),
    };
    if found != Some(header) {
        if processes::others_live(folder, process)? {
            return Err(layout::Fault::Damaged("it was replaced while processes use the folder".into()).about(&path));
        }
        let run = folder.join("run");
        for name in ["data.mdb", "lock.mdb"] {
            match fs::remove_file(run.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(PitError::io("empty", &run, error));
                }
                _ => {}
            }
        }
        // Written in full: a mapped file without blocks on a full disk would end the process that touches it.
        let mut bytes: Vec<u8> = header.to_words().iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(layout::HOT_BYTES, 0);
        folder::replace(&path, &bytes)?;
    }
    let file = folder::open(&path)?;
    sys::Mapping::new(&file).map_err(|error| PitError::io("map", &path, error))
}
