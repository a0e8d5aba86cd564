//! Memory that both processes have: pieces of this one's and of the other's, and blocks that are shared for good.

use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::sys;
use symphony_conductor::transport::{Piece, SharedMemory};
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::memory::Announcement;
use symphony_wire::{ErrorCode, Frame, FrameKind, frame_header};

use super::released::Released;
use super::{Connection, plain};
use crate::block_buffers;
use crate::js::{self, Value};

/// Whether a frame was for the connection itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Own,
    NotOwn,
    /// What belongs to it did not come.
    Broken,
}

/// An `ArrayBuffer` over a piece of Python's memory.
struct UseOfItems {
    _memory: Rc<SharedMemory>,
    number: u32,
    released: Rc<Released>,
}

impl UseOfItems {
    /// The piece goes back. Allowed in finalizers.
    fn end(self) {
        self.released.push_items(self.number);
    }
}

impl Connection {
    /// Puts a copy of bytes into memory that Python gets as the block of the number that this gives. Nothing if the system has none.
    pub(super) fn send_memory(&self, bytes: &[u8]) -> Option<u32> {
        let length = u32::try_from(bytes.len()).ok()?;
        let Piece { number, pointer, file } = self.pieces.borrow_mut().take(bytes.len()).ok()?;
        // SAFETY: two memories of at least that length, the second of which the other process does not use now.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pointer.as_ptr(), bytes.len()) };
        let header = frame_header(FrameKind::Memory, number, length, 0)?;
        let mut unsent = self.unsent.borrow_mut();
        if let Some(file) = file {
            unsent.attach(file);
        }
        // It goes with the request that names it.
        unsent.push(&header);
        Some(number)
    }

    /// Shares the block that an `ArrayBuffer` is over: its number. Nothing if it is none that another process can have.
    pub(super) fn share_memory(&self, buffer: Value) -> Option<u32> {
        if self.ended.get() {
            return None;
        }
        let block = block_buffers::block_of(self.env, buffer)?;
        let address = block.pointer().as_ptr() as usize;
        // Where there is no descriptor left, it is copied.
        let announcement = self.shared.borrow_mut().share(block).ok()??;
        let Announcement {
            number,
            file,
            place,
            descriptor,
        } = announcement;
        let header = frame_header(FrameKind::ShareBlock, number, file, place.len())?;
        let mut unsent = self.unsent.borrow_mut();
        if let Some(descriptor) = descriptor {
            unsent.attach(descriptor);
        }
        // It goes with the request that names it.
        unsent.push(&header);
        unsent.push(&place);
        let released = Rc::clone(&self.released);
        block_buffers::on_collected(self.env, address, move || released.push_block(number));
        Some(number)
    }

    /// The buffer over a block that was shared and that a message names.
    pub(super) fn buffer_over_block(&self, number: u32) -> Result<Value, BridgeError> {
        let block = self.shared.borrow().get(number).ok_or_else(|| {
            let message = format!("expected the number of a block that is shared, got {number}");
            BridgeError::new(ErrorCode::Protocol, message)
        })?;
        block_buffers::over(self.env, block)
    }

    /// So many bytes of a piece of Python's memory, as an `ArrayBuffer`: the piece goes back when that is collected.
    pub(super) fn buffer_over(&self, number: u32, bytes: usize) -> Result<Value, BridgeError> {
        let memory = self.items.borrow().get(&number).map(Rc::clone);
        let memory = memory.filter(|memory| bytes <= memory.bytes()).ok_or_else(|| {
            let message = format!("expected {bytes} bytes of memory that came, got the number {number}");
            BridgeError::new(ErrorCode::Protocol, message)
        })?;
        let pointer = memory.pointer();
        let use_of = Box::into_raw(Box::new(UseOfItems {
            _memory: memory,
            number,
            released: Rc::clone(&self.released),
        }));
        let mut buffer = ptr::null_mut();
        // SAFETY: mapped for as long as the box lives, which the finalizer frees.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                self.env,
                pointer.as_ptr().cast(),
                bytes,
                Some(items_given_up),
                use_of.cast(),
                &raw mut buffer,
            )
        };
        if status == sys::Status::napi_ok {
            return Ok(buffer);
        }
        // SAFETY: not registered, so the box is still ours.
        let use_of = unsafe { Box::from_raw(use_of) };
        let copied = js::array_buffer(self.env, bytes);
        if let Some((_, data)) = copied {
            // SAFETY: two memories of that length.
            unsafe { ptr::copy_nonoverlapping(pointer.as_ptr(), data, bytes) };
        }
        use_of.end();
        copied
            .map(|(buffer, _)| buffer)
            .ok_or_else(|| BridgeError::new(ErrorCode::Conversion, format!("there is no memory for {bytes} bytes")))
    }

    /// Whether a request has begun; so does one of which nothing is known.
    pub(super) fn has_started(&self, request: u32) -> bool {
        let starts = self.starts.borrow();
        let Some(memory) = &*starts else { return true };
        let count = memory.bytes() / size_of::<AtomicU32>();
        // SAFETY: within the memory.
        let place = unsafe { memory.pointer().cast::<AtomicU32>().add(request as usize % count) };
        // SAFETY: aligned, since the memory is to a page; both processes use atomics there.
        let last = unsafe { place.as_ref() }.load(Ordering::Acquire);
        // A later one of the same place hides whether this one had begun.
        last >= request
    }

    /// Takes a frame that is about memory.
    pub(super) fn take(&self, frame: &Frame<'_>) -> Taken {
        match FrameKind::of(frame.kind) {
            Some(FrameKind::ReturnMemory) => {
                for number in self.pieces.borrow_mut().give_back(frame.first) {
                    // Without a payload it is not too long.
                    let _fits = self.send(FrameKind::ForgetMemory, [number, 0], &[], true);
                }
            }
            Some(FrameKind::ReturnBlock) => {
                let forgotten = self.shared.borrow_mut().returned(frame.first);
                if let Some(file) = forgotten {
                    // As above.
                    let _fits = self.send(FrameKind::ForgetFile, [file, 0], &[], true);
                }
            }
            Some(FrameKind::ForgetItems) => drop(self.items.borrow_mut().remove(&frame.first)),
            Some(FrameKind::Items) => match self.memory_that_came() {
                Some(memory) => drop(self.items.borrow_mut().insert(frame.first, Rc::new(memory))),
                None => return Taken::Broken,
            },
            Some(FrameKind::Starts) => match self.memory_that_came() {
                Some(memory) => drop(self.starts.replace(Some(memory))),
                None => return Taken::Broken,
            },
            _ => return Taken::NotOwn,
        }
        Taken::Own
    }

    /// The memory whose descriptor comes with a frame.
    pub(super) fn memory_that_came(&self) -> Option<SharedMemory> {
        let file = self.descriptors.borrow_mut().pop_front()?;
        SharedMemory::map(&file).ok()
    }
}

/// `sendMemory(bytes)`: the number of a block with a copy; 0 if the system has no memory for it.
pub(super) unsafe extern "C" fn send_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        let (pointer, length) = js::bytes_of(env, arguments.values[0])
            .ok_or_else(|| BridgeError::new(ErrorCode::Protocol, "expected a Uint8Array"))?;
        // SAFETY: the memory of a live array, which nobody changes while this thread is here.
        let bytes = unsafe { std::slice::from_raw_parts(pointer.as_ptr(), length) };
        Ok(js::number(env, connection.send_memory(bytes).unwrap_or_default()))
    })
}

/// `memory(number, bytes)`: the `ArrayBuffer` over a piece that a message names.
pub(super) unsafe extern "C" fn memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<2>(env, info, |connection, arguments| {
        connection.buffer_over(arguments.u32(0), arguments.size(1))
    })
}

/// `shareMemory(buffer)`: the number of the block that the `ArrayBuffer` is over, for as long as it lives; 0 if that cannot be shared.
pub(super) unsafe extern "C" fn share_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        Ok(js::number(
            env,
            connection.share_memory(arguments.values[0]).unwrap_or_default(),
        ))
    })
}

/// `blockMemory(number)`: the `ArrayBuffer` over a block that was shared.
pub(super) unsafe extern "C" fn block_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        connection.buffer_over_block(arguments.u32(0))
    })
}

pub(super) unsafe extern "C" fn items_given_up(_env: sys::napi_env, _data: *mut c_void, use_of: *mut c_void) {
    // SAFETY: the box of `buffer_over`; this runs once, on the thread of the environment.
    unsafe { Box::from_raw(use_of.cast::<UseOfItems>()) }.end();
}

pub(super) unsafe extern "C" fn has_started(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    plain::<1>(env, info, |connection, arguments| {
        Ok(js::boolean(env, connection.has_started(arguments.u32(0))))
    })
}
