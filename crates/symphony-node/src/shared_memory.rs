//! `ArrayBuffer`s over memory that Python uses at the same time.
//!
//! There is one for an address in an environment: whoever looks at the same memory finds the same buffer, as long as it is alive.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::sys;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use symphony_python_bridge::async_support::Channel;
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::memory::{Block, Lender};
use symphony_python_bridge::releases;
use symphony_wire::ErrorCode;

use crate::js::{self, Value};
use crate::{backing_store, block_buffers, external_buffer};

/// One environment's. Touched by its own thread only, but for what lenders say.
#[derive(Default)]
pub(crate) struct SharedMemory {
    by_address: RefCell<FxHashMap<usize, Known>>,
    /// A crossing of the memory of a handle that JavaScript has not given back yet, or 0; it may be terminated before.
    owed: Cell<u32>,
    /// The addresses of what JavaScript lent, by the number of the block.
    lent: RefCell<FxHashMap<u32, usize>>,
    given_back: Arc<GivenBack>,
    /// What is borrowed, by the number of the block: the arrays, as strong references.
    borrowed: RefCell<FxHashMap<u32, Borrowed>>,
}

/// A buffer that may be alive.
#[derive(Clone, Copy)]
struct Known {
    /// Weak, unless it is lent.
    reference: sys::napi_ref,
    bytes: usize,
    /// How many blocks it is lent as.
    lent: usize,
}

/// An array that Python has for the length of a call.
struct Borrowed {
    /// Strong.
    array: sys::napi_ref,
    /// Kept here too, for the end of the environment forgets the numbers of blocks first.
    block: Arc<Block>,
}

/// A crossing of a handle with its memory, which keeps that. Dropped on any thread, when nobody uses the memory any more.
struct Held(u32);

impl Drop for Held {
    fn drop(&mut self) {
        releases::memory(self.0);
    }
}

/// A buffer that was made, for its finalizer.
struct Made {
    memory: *const SharedMemory,
    address: usize,
    /// Weak.
    reference: Cell<sys::napi_ref>,
}

impl SharedMemory {
    /// The buffer over the memory of a handle, which brings one crossing of it; and whether it was there before, so that the crossing is still
    /// the caller's. It may need one of the object alone, which has to be counted before this one goes back.
    pub(crate) fn of_object(
        &self,
        env: sys::napi_env,
        id: u32,
        address: usize,
        bytes: usize,
    ) -> Result<(Value, bool), BridgeError> {
        self.settle();
        let known = self.find(env, address, bytes);
        if let Some(buffer) = known.or_else(|| block_buffers::find(env, address, bytes)) {
            self.owed.set(id);
            return Ok((buffer, true));
        }
        Ok((self.make(env, address, bytes, Held(id))?, false))
    }

    /// Gives back the crossing that the last buffer left, which was there before.
    pub(crate) fn settle(&self) {
        match self.owed.take() {
            0 => {}
            id => releases::memory(id),
        }
    }

    /// A copy of the memory of a handle, which brings one crossing of it.
    pub(crate) fn copy_of_object(
        env: sys::napi_env,
        id: u32,
        address: usize,
        bytes: usize,
    ) -> Result<Value, BridgeError> {
        let copied = js::array_buffer(env, bytes);
        if let Some((_, data)) = copied {
            // SAFETY: two memories of that length; the crossing keeps that of Python where it is.
            unsafe { ptr::copy_nonoverlapping(address as *const u8, data, bytes) };
        }
        releases::memory(id);
        copied.map(|(buffer, _)| buffer).ok_or_else(|| not_shared(bytes))
    }

    /// Copies the memory of a `bytes`, which a crossing of its handle keeps, to bytes of JavaScript's.
    pub(crate) fn copy_out(env: sys::napi_env, id: u32, address: usize, target: Value) -> Result<(), BridgeError> {
        let target = js::bytes_of(env, target);
        if let Some((pointer, length)) = target {
            // SAFETY: two memories of that length; that of `bytes` never moves, and the crossing keeps it.
            unsafe { ptr::copy_nonoverlapping(address as *const u8, pointer.as_ptr(), length) };
        }
        releases::crossings(id, 1);
        target.map(|_| ()).ok_or_else(not_bytes)
    }

    /// Whether this runtime has buffers over memory that is not its own: those with a memory cage have not.
    pub(crate) fn is_allowed(env: sys::napi_env) -> bool {
        let probe = Box::into_raw(Box::new([0_u8; 8]));
        let mut buffer = ptr::null_mut();
        // SAFETY: eight bytes that the finalizer frees.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                env,
                probe.cast(),
                8,
                Some(probe_given_up),
                ptr::null_mut(),
                &raw mut buffer,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: not registered, so it is still ours.
            drop(unsafe { Box::from_raw(probe) });
        }
        status == sys::Status::napi_ok
    }

    fn find(&self, env: sys::napi_env, address: usize, bytes: usize) -> Option<Value> {
        let known = *self.by_address.borrow().get(&address)?;
        let buffer = js::referenced(env, known.reference);
        // One that is lent may have grown since the block was made.
        let fits = known.bytes == bytes || (known.lent > 0 && known.bytes > bytes);
        // One whose memory was transferred is empty: the memory then belongs to a buffer that nobody knows.
        (!buffer.is_null() && fits && !js::is_detached(env, buffer)).then_some(buffer)
    }

    fn make(&self, env: sys::napi_env, address: usize, bytes: usize, of: Held) -> Result<Value, BridgeError> {
        let memory = NonNull::new(address as *mut u8).ok_or_else(|| not_shared(bytes))?;
        // SAFETY: the memory has so many bytes, and stays until what holds it is dropped.
        let buffer = unsafe { external_buffer::over(env, memory, bytes, of) }.ok_or_else(|| not_shared(bytes))?;
        let made = Box::into_raw(Box::new(Made {
            memory: ptr::from_ref(self),
            address,
            reference: Cell::new(ptr::null_mut()),
        }));
        let mut reference = ptr::null_mut();
        // SAFETY: an object of this environment; the box lives until the finalizer frees it.
        let status = unsafe {
            sys::napi_add_finalizer(
                env,
                buffer,
                made.cast(),
                Some(collected),
                ptr::null_mut(),
                &raw mut reference,
            )
        };
        if status != sys::Status::napi_ok {
            // Only that nobody finds the buffer again.
            // SAFETY: no finalizer was registered, so the box is still ours.
            drop(unsafe { Box::from_raw(made) });
            return Ok(buffer);
        }
        // SAFETY: freed only by the finalizer, which cannot run while the buffer is on the stack.
        unsafe { &*made }.reference.set(reference);
        let known = Known {
            reference,
            bytes,
            lent: 0,
        };
        self.by_address.borrow_mut().insert(address, known);
        Ok(buffer)
    }

    /// Lends memory of JavaScript's to Python for as long as that wants it: all of `buffer`, which has so many bytes, cannot be transferred, and
    /// of which `array` is a view. Gives the number of the block.
    pub(crate) fn lend(
        &self,
        env: sys::napi_env,
        channel: &Arc<Channel>,
        buffer: Value,
        array: Value,
        bytes: usize,
    ) -> Result<u32, BridgeError> {
        self.take_back(env);
        let pointer = js::start_of_buffer(env, array).ok_or_else(not_a_typed_array)?;
        let number = channel.blocks().enter_with(|number| {
            let lender = Returning {
                given_back: Arc::clone(&self.given_back),
                number,
                channel: Arc::clone(channel),
            };
            // SAFETY: the reference below keeps the memory, which is never transferred, until the lender is told.
            unsafe { Block::lent(pointer, bytes, Box::new(lender)) }
        });
        let address = pointer.as_ptr() as usize;
        self.lent.borrow_mut().insert(number, address);
        let mut by_address = self.by_address.borrow_mut();
        match by_address.get_mut(&address) {
            // Two at one address are one, or two faces of the same memory.
            Some(known) if known.lent > 0 => {
                known.lent += 1;
                known.bytes = known.bytes.max(bytes);
            }
            _ => {
                let known = Known {
                    reference: js::reference(env, buffer),
                    bytes,
                    lent: 1,
                };
                by_address.insert(address, known);
            }
        }
        Ok(number)
    }

    /// Forgets the number of a block, which then is Python's alone, if that has it.
    pub(crate) fn end_block(&self, env: sys::napi_env, channel: &Arc<Channel>, number: u32) {
        if !self.lent.borrow().contains_key(&number) {
            drop(channel.blocks().take(number));
            return;
        }
        // Most often Python has let go of it by now, and nobody else has to be told.
        self.given_back.lock().is_looked_at = true;
        drop(channel.blocks().take(number));
        self.take_back(env);
    }

    /// Lets JavaScript have what Python gave back.
    pub(crate) fn take_back(&self, env: sys::napi_env) {
        let numbers = {
            let mut given_back = self.given_back.lock();
            given_back.is_looked_at = false;
            std::mem::take(&mut given_back.numbers)
        };
        let mut by_address = self.by_address.borrow_mut();
        for number in numbers {
            let Some(address) = self.lent.borrow_mut().remove(&number) else {
                continue;
            };
            let Some(known) = by_address.get_mut(&address) else {
                continue;
            };
            known.lent -= 1;
            if known.lent == 0 {
                let reference = known.reference;
                by_address.remove(&address);
                // SAFETY: a reference of this environment, which is deleted once.
                unsafe { sys::napi_delete_reference(env, reference) };
            }
        }
    }

    /// Forgets which buffer is at an address, if it is still this one: one that is not lent.
    fn forget(&self, address: usize, reference: sys::napi_ref) {
        let mut by_address = self.by_address.borrow_mut();
        if by_address
            .get(&address)
            .is_some_and(|known| ptr::eq(known.reference, reference))
        {
            by_address.remove(&address);
        }
    }

    /// Copies bytes into a block; gives its number.
    pub(crate) fn copy_in(env: sys::napi_env, channel: &Arc<Channel>, bytes: Value) -> Result<u32, BridgeError> {
        let (pointer, length) = js::bytes_of(env, bytes).ok_or_else(not_bytes)?;
        let block = Block::uninitialized(length).ok_or_else(|| not_shared(length))?;
        // SAFETY: two memories of that length, of which nobody knows the second one yet.
        unsafe { ptr::copy_nonoverlapping(pointer.as_ptr(), block.pointer().as_ptr(), length) };
        Ok(channel.blocks().enter(block))
    }

    /// Makes bytes of JavaScript's a block for the length of a synchronous call; gives its number.
    pub(crate) fn borrow(&self, env: sys::napi_env, channel: &Arc<Channel>, bytes: Value) -> Result<u32, BridgeError> {
        let (pointer, length) = js::bytes_of(env, bytes).ok_or_else(not_bytes)?;
        // SAFETY: JavaScript waits for the call, in which it runs no code of its own; and what is kept after its end is dealt with there.
        let block = unsafe { Block::borrowed(pointer, length) };
        let number = channel.blocks().enter(Arc::clone(&block));
        let array = js::reference(env, bytes);
        self.borrowed.borrow_mut().insert(number, Borrowed { array, block });
        Ok(number)
    }

    /// Ends that. Whether Python kept the memory, which then stays for ever, since nobody would say when it has let go.
    pub(crate) fn end_borrow(&self, env: sys::napi_env, channel: &Arc<Channel>, number: u32) -> bool {
        drop(channel.blocks().take(number));
        let Some(Borrowed { array, block }) = self.borrowed.borrow_mut().remove(&number) else {
            return false;
        };
        let kept = block.end_borrow() > 0;
        if kept {
            let buffer = js::buffer_of(env, js::referenced(env, array));
            backing_store::keep_for_ever(env, buffer);
        }
        // SAFETY: a reference of this environment, which is deleted once.
        unsafe { sys::napi_delete_reference(env, array) };
        kept
    }

    /// The environment ends. Memory that it lent and that Python still has must stay; and what it borrowed, if it was terminated before the
    /// end of the call.
    pub(crate) fn end(&self, env: sys::napi_env, channel: &Arc<Channel>) {
        self.settle();
        self.take_back(env);
        js::scope(env, || {
            let borrowed: Vec<u32> = self.borrowed.borrow().keys().copied().collect();
            for number in borrowed {
                self.end_borrow(env, channel, number);
            }
            self.lent.take();
            for known in self.by_address.borrow().values().filter(|known| known.lent > 0) {
                backing_store::keep_for_ever(env, js::referenced(env, known.reference));
            }
        });
    }
}

unsafe extern "C" fn probe_given_up(_env: sys::napi_env, probe: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the box of `is_allowed`; this runs once.
    drop(unsafe { Box::from_raw(probe.cast::<[u8; 8]>()) });
}

unsafe extern "C" fn collected(env: sys::napi_env, made: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the box that `make` made; this runs once.
    let made = unsafe { Box::from_raw(made.cast::<Made>()) };
    // SAFETY: a part of a port, and ports are never freed.
    let memory = unsafe { &*made.memory };
    let reference = made.reference.get();
    memory.forget(made.address, reference);
    // SAFETY: the reference made in `make`, deleted once; allowed while collecting.
    unsafe { sys::napi_delete_reference(env, reference) };
}

/// The numbers of lent blocks that nobody has any more. Told by any thread.
#[derive(Default)]
struct GivenBack(Mutex<Returned>);

#[derive(Default)]
struct Returned {
    numbers: SmallVec<[u32; 4]>,
    /// The environment's own thread is about to look.
    is_looked_at: bool,
}

impl GivenBack {
    fn lock(&self) -> MutexGuard<'_, Returned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says in the environment that its memory is not needed any more.
struct Returning {
    given_back: Arc<GivenBack>,
    number: u32,
    channel: Arc<Channel>,
}

impl Lender for Returning {
    fn given_back(&self) {
        let is_looked_at = {
            let mut given_back = self.given_back.lock();
            given_back.numbers.push(self.number);
            given_back.is_looked_at
        };
        if !is_looked_at {
            self.channel.wake();
        }
    }
}

fn not_bytes() -> BridgeError {
    BridgeError::new(ErrorCode::Protocol, "expected a Uint8Array")
}

fn not_a_typed_array() -> BridgeError {
    BridgeError::new(ErrorCode::Protocol, "expected a typed array")
}

fn not_shared(bytes: usize) -> BridgeError {
    BridgeError::new(
        ErrorCode::Conversion,
        format!("JavaScript has no ArrayBuffer for {bytes} bytes of shared memory"),
    )
}
