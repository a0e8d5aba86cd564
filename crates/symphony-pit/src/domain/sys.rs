//! What needs `unsafe`: memory that processes share, and the moment of a fork. The stores' one `unsafe` is in `store.rs`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use super::layout::{CELL_WORDS, DOORBELL_CELLS, DOORBELLS, HOT_BYTES, PROCESS_COUNT};

/// 64 bytes of shared memory.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Cell(pub(crate) [AtomicU64; CELL_WORDS]);

/// A mapped `hot.map`.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<Cell>,
}

// SAFETY: the mapping is reachable through shared references to atomics only, and belongs to no thread.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

const CELLS_BEFORE: usize = DOORBELLS;
const CELLS_AFTER: usize = DOORBELLS + DOORBELL_CELLS;

impl Mapping {
    /// Maps a file that has the right length and its blocks on disk. Somebody who shortens it while it is mapped ends
    /// this process; the folder is the Pit's own, so nobody has reason to.
    pub(crate) fn new(file: impl AsFd) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags};
        let size = rustix::fs::fstat(&file)?.st_size;
        if u64::try_from(size).unwrap_or_default() < HOT_BYTES as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: a new mapping at an address of the kernel's choice, of a file of at least this length.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                HOT_BYTES,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    /// Cell `index`; `None` for the doorbells and past the end.
    #[inline]
    pub(crate) fn cell(&self, index: usize) -> Option<&Cell> {
        if index >= super::layout::CELLS || (CELLS_BEFORE..CELLS_AFTER).contains(&index) {
            return None;
        }
        // SAFETY: within the mapping, by the check above.
        let cell = unsafe { self.start.add(index) };
        // SAFETY: mapped as long as `self` lives; page-aligned, so cells are aligned too. Any bits are valid atomics, every
        // process changes them atomically, and no other size is used for these.
        Some(unsafe { cell.as_ref() })
    }

    /// The doorbell of a process.
    pub(crate) fn doorbell(&self, place: usize) -> Option<&AtomicU32> {
        if place >= PROCESS_COUNT {
            return None;
        }
        // SAFETY: the cells of the doorbells lie within the mapping.
        let bells = unsafe { self.start.add(DOORBELLS) }.cast::<AtomicU32>();
        // SAFETY: `place` is one of them, by the check above.
        let bell = unsafe { bells.add(place) };
        // SAFETY: as for `cell`; words of this size are used for these cells alone.
        Some(unsafe { bell.as_ref() })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value made the mapping, and nothing borrows from it any more.
        let _unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), HOT_BYTES) };
    }
}

/// Set in a process that was forked from an attached one, and never cleared.
static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process was forked from one that was attached.
#[inline]
pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

const NONE: RawFd = -1;

/// Descriptors whose locks a forked child must not keep alive. More than these are not closed there, and their locks last as
/// long as the child.
static LOCKS: [AtomicI32; 64] = [const { AtomicI32::new(NONE) }; 64];

extern "C" fn in_forked_child() {
    FORKED.store(true, Ordering::Relaxed);
    for lock in &LOCKS {
        let descriptor = lock.swap(NONE, Ordering::Relaxed);
        if descriptor != NONE {
            // SAFETY: allowed between fork and exec. It is this child's copy of a descriptor whose owner is never used or
            // dropped here, because every use and drop of it asks `is_forked` first.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// A descriptor that is closed in forked children, as long as this value lives.
#[derive(Debug)]
pub(crate) struct ClosedInChildren(Option<usize>);

impl ClosedInChildren {
    /// The caller keeps the descriptor open for longer than what it gets.
    pub(crate) fn new(descriptor: BorrowedFd<'_>) -> Self {
        use std::os::fd::AsRawFd;
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            // SAFETY: the handler only stores to statics and closes descriptors. It is code of this library, which is never
            // unloaded: hosts open it with RTLD_NODELETE or link it.
            let _out_of_memory = unsafe { libc::pthread_atfork(None, None, Some(in_forked_child)) };
        });
        let number = descriptor.as_raw_fd();
        let free = |lock: &AtomicI32| {
            lock.compare_exchange(NONE, number, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        Self(LOCKS.iter().position(free))
    }
}

impl Drop for ClosedInChildren {
    fn drop(&mut self) {
        if let Some(place) = self.0
            && !is_forked()
        {
            LOCKS[place].store(NONE, Ordering::Relaxed);
        }
    }
}
