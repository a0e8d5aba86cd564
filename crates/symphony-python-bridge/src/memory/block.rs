//! Blocks of memory, and the numbers by which messages name them.

use std::alloc;
use std::collections::hash_map::Entry;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use symphony_conductor::arena::Region;

use super::exporter::Part;
use crate::gil::Held;

/// Whose memory a block is, if it is not its own. Told when nobody needs the memory any more, from any thread.
pub trait Lender: Send + Sync {
    /// Nobody uses the memory any more.
    fn given_back(&self);

    /// The number by which the lender knows the block, if it lent it to the environment of this key: messages to that one name it by the number.
    fn number_in(&self, _environment: usize) -> Option<u32> {
        None
    }
}

/// A block of memory. It does not move, and lives as long as anybody has it.
pub struct Block {
    pointer: NonNull<u8>,
    bytes: usize,
    owner: Owner,
}

enum Owner {
    Allocated,
    /// Everybody may get it: other processes too, if it lies in a region.
    Listed(Option<Region>),
    Lent(Box<dyn Lender>),
    /// For the length of one call.
    Borrowed(Borrow),
}

#[derive(Default)]
struct Borrow {
    /// How many exports Python has.
    exports: AtomicUsize,
    over: AtomicBool,
}

// SAFETY: a block is an address and a length. Whoever reads or writes there answers for that, as with any memory that two languages share.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// What memory is aligned to: enough for any element, and for whatever copies many at once.
const ALIGNMENT: usize = 16;
/// How many bytes the blocks that were allocated have.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
/// From here on it is asked first whether there can be so much.
const MUCH: usize = 256 << 20;

/// The blocks that everybody may get, by their addresses.
fn listed() -> MutexGuard<'static, FxHashMap<usize, Weak<Block>>> {
    static LISTED: LazyLock<Mutex<FxHashMap<usize, Weak<Block>>>> = LazyLock::new(Mutex::default);
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Block {
    /// Memory of zeros; nothing if there is not so much of it.
    pub fn zeroed(bytes: usize) -> Option<Arc<Self>> {
        Self::allocated(bytes, alloc::alloc_zeroed)
    }

    /// Memory with anything in it, which the caller fills.
    pub fn uninitialized(bytes: usize) -> Option<Arc<Self>> {
        Self::allocated(bytes, alloc::alloc)
    }

    /// Memory of zeros that every Python may get, also in other processes where the system has such memory. Nothing if there is not so much of it.
    pub fn shareable(bytes: usize) -> Option<Arc<Self>> {
        if bytes >= MUCH {
            // The system refuses what it could never have only where memory is a process's own.
            drop(Self::zeroed(bytes)?);
        }
        let region = Region::zeroed(bytes).ok();
        let pointer = match &region {
            Some(region) => region.pointer(),
            // SAFETY: the layout is that of at least one byte.
            None => NonNull::new(unsafe { alloc::alloc_zeroed(layout(bytes)?) })?,
        };
        ALLOCATED.fetch_add(bytes, Ordering::Relaxed);
        let block = Arc::new(Self {
            pointer,
            bytes,
            owner: Owner::Listed(region),
        });
        listed().insert(block.address(), Arc::downgrade(&block));
        Some(block)
    }

    /// The block of [`shareable`](Self::shareable) that begins at an address.
    pub fn shareable_at(address: usize) -> Option<Arc<Self>> {
        listed().get(&address)?.upgrade()
    }

    /// Where it is for other processes; nothing if they cannot get it.
    pub fn region(&self) -> Option<&Region> {
        match &self.owner {
            Owner::Listed(region) => region.as_ref(),
            _ => None,
        }
    }

    /// The number by which messages to the environment of this key name it, if that has lent it.
    pub(crate) fn number_in(&self, environment: usize) -> Option<u32> {
        match &self.owner {
            Owner::Lent(lender) => lender.number_in(environment),
            _ => None,
        }
    }

    fn address(&self) -> usize {
        self.pointer.as_ptr() as usize
    }

    fn allocated(bytes: usize, allocate: unsafe fn(alloc::Layout) -> *mut u8) -> Option<Arc<Self>> {
        // SAFETY: the layout is that of at least one byte.
        let pointer = NonNull::new(unsafe { allocate(layout(bytes)?) })?;
        ALLOCATED.fetch_add(bytes, Ordering::Relaxed);
        Some(Arc::new(Self {
            pointer,
            bytes,
            owner: Owner::Allocated,
        }))
    }

    /// Memory of somebody else's.
    ///
    /// # Safety
    /// It is there, with so many bytes, until the lender is told that it is given back.
    pub unsafe fn lent(pointer: NonNull<u8>, bytes: usize, lender: Box<dyn Lender>) -> Arc<Self> {
        Arc::new(Self {
            pointer,
            bytes,
            owner: Owner::Lent(lender),
        })
    }

    /// Memory of somebody else's, for the length of a call.
    ///
    /// # Safety
    /// It is there, with so many bytes, until the end of the call, and from then on for as long as Python has exports of it ([`end_borrow`](Self::end_borrow)).
    pub unsafe fn borrowed(pointer: NonNull<u8>, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            pointer,
            bytes,
            owner: Owner::Borrowed(Borrow::default()),
        })
    }

    /// Where it is. A block without bytes has an address too.
    #[inline]
    pub fn pointer(&self) -> NonNull<u8> {
        self.pointer
    }

    /// How many bytes it has.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes all blocks have that the bridge allocated.
    pub fn allocated_bytes() -> usize {
        ALLOCATED.load(Ordering::Relaxed)
    }

    /// The call is over for which the memory was borrowed: Python gets no more exports of it. Gives how many it still has.
    pub fn end_borrow(&self) -> usize {
        let Owner::Borrowed(borrow) = &self.owner else { return 0 };
        borrow.over.store(true, Ordering::SeqCst);
        borrow.exports.load(Ordering::SeqCst)
    }

    /// Counts an export of borrowed memory; whether there may be one.
    pub(super) fn exported(&self) -> bool {
        let Owner::Borrowed(borrow) = &self.owner else {
            return true;
        };
        // The end of the call does not wait for the GIL: it sees this export, or this sees the end.
        borrow.exports.fetch_add(1, Ordering::SeqCst);
        let may = !borrow.over.load(Ordering::SeqCst);
        if !may {
            borrow.exports.fetch_sub(1, Ordering::SeqCst);
        }
        may
    }

    /// The end of an export.
    pub(super) fn released(&self) {
        if let Owner::Borrowed(borrow) = &self.owner {
            borrow.exports.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn layout(bytes: usize) -> Option<alloc::Layout> {
    alloc::Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
}

impl Drop for Block {
    fn drop(&mut self) {
        match &self.owner {
            Owner::Allocated | Owner::Listed(_) => {
                ALLOCATED.fetch_sub(self.bytes, Ordering::Relaxed);
                if let Owner::Listed(region) = &self.owner {
                    // Before the memory goes: the next one may be at the same address.
                    listed().remove(&self.address());
                    if region.is_some() {
                        return;
                    }
                }
                if let Some(layout) = layout(self.bytes) {
                    // SAFETY: allocated with this layout, and nobody has the block any more.
                    unsafe { alloc::dealloc(self.pointer.as_ptr(), layout) };
                }
            }
            Owner::Lent(lender) => lender.given_back(),
            Owner::Borrowed(_) => {}
        }
    }
}

/// The blocks that messages of one environment can name. Each is known by its number until whoever entered it takes it out.
#[derive(Default)]
pub struct Blocks(Mutex<State>);

#[derive(Default)]
struct State {
    by_number: FxHashMap<u32, Entered>,
    last: u32,
}

struct Entered {
    block: Arc<Block>,
    array: Option<ArrayOfBlock>,
}

/// The Python array that stands for a block, and what it was made as. It lives as long as JavaScript can name the block, so that Python
/// gets the same one each time.
struct ArrayOfBlock {
    array: Held,
    part: Part,
    shape: Box<[u64]>,
}

impl Blocks {
    /// Enters a block; gives its number.
    pub fn enter(&self, block: Arc<Block>) -> u32 {
        self.enter_with(|_| block)
    }

    /// Enters the block that `make` gives for its number, under the lock.
    pub fn enter_with(&self, make: impl FnOnce(u32) -> Arc<Block>) -> u32 {
        let mut state = self.lock();
        loop {
            state.last = state.last.wrapping_add(1).max(1);
            let number = state.last;
            if let Entry::Vacant(free) = state.by_number.entry(number) {
                free.insert(Entered {
                    block: make(number),
                    array: None,
                });
                return number;
            }
        }
    }

    /// Gives a block the number that the environment chose.
    pub(crate) fn enter_as(&self, number: u32, block: Arc<Block>) {
        let entered = Entered { block, array: None };
        let former = self.lock().by_number.insert(number, entered);
        // Outside of the lock, since a lender may be anybody.
        drop(former);
    }

    /// The block of a number.
    pub fn get(&self, number: u32) -> Option<Arc<Block>> {
        self.lock()
            .by_number
            .get(&number)
            .map(|entered| Arc::clone(&entered.block))
    }

    /// Forgets a number, and the array that stands for the block. The block lives on where anybody else has it.
    pub fn take(&self, number: u32) -> Option<Arc<Block>> {
        // The array is given up outside of the lock.
        let entered = self.lock().by_number.remove(&number);
        entered.map(|entered| entered.block)
    }

    /// The array that stands for that part of a block, if one was made with this shape.
    pub(crate) fn array<'py>(
        &self,
        py: Python<'py>,
        number: u32,
        part: Part,
        shape: impl Iterator<Item = u64>,
    ) -> Option<Bound<'py, PyAny>> {
        let state = self.lock();
        let made = state.by_number.get(&number)?.array.as_ref()?;
        (made.part == part && made.shape.iter().copied().eq(shape)).then(|| made.array.bind(py))
    }

    /// Has the array stand for that part of a block from now on. Gives the one that does: another thread may have made one meanwhile.
    pub(crate) fn keep_array<'py>(
        &self,
        number: u32,
        part: Part,
        shape: Box<[u64]>,
        array: Bound<'py, PyAny>,
    ) -> Bound<'py, PyAny> {
        let py = array.py();
        if let Some(other) = self.array(py, number, part, shape.iter().copied()) {
            return other;
        }
        let made = ArrayOfBlock {
            array: Held::new(array.clone()),
            part,
            shape,
        };
        let former = match self.lock().by_number.get_mut(&number) {
            Some(entered) => entered.array.replace(made),
            None => Some(made),
        };
        // Given up outside of the lock.
        drop(former);
        array
    }

    /// Forgets all of them: the environment has ended.
    pub(crate) fn clear(&self) {
        // Freed outside of the lock, since a lender may be anybody.
        let blocks = std::mem::take(&mut self.lock().by_number);
        drop(blocks);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{Block, Blocks, Lender};

    struct Flag(Arc<AtomicBool>);

    impl Lender for Flag {
        fn given_back(&self) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[test]
    fn a_number_stands_for_its_block_until_it_is_taken() {
        let blocks = Blocks::default();
        let block = Block::zeroed(24).expect("24 bytes");
        let number = blocks.enter(Arc::clone(&block));
        assert!(Arc::ptr_eq(&blocks.get(number).expect("entered"), &block));
        assert!(blocks.take(number).is_some());
        assert!(blocks.get(number).is_none());
        assert_eq!(Arc::strong_count(&block), 1);
    }

    #[test]
    fn lent_memory_is_given_back_by_the_last_who_has_it() {
        let told = Arc::new(AtomicBool::new(false));
        let mut memory = [1_u8, 2, 3];
        let pointer = std::ptr::NonNull::from(&mut memory).cast();
        // SAFETY: `memory` outlives the block.
        let block = unsafe { Block::lent(pointer, memory.len(), Box::new(Flag(Arc::clone(&told)))) };
        let other = Arc::clone(&block);
        drop(block);
        assert!(!told.load(Ordering::Acquire));
        drop(other);
        assert!(told.load(Ordering::Acquire));
    }

    #[test]
    fn there_is_memory_of_no_bytes_and_none_of_too_many() {
        assert_eq!(Block::zeroed(0).expect("no bytes").bytes(), 0);
        assert!(Block::uninitialized(usize::MAX).is_none());
    }
}
