//! `ArrayBuffer`s over memory of the bridge's own, which every Python may use that this process has: one for a block in an environment, as long as
//! it is alive.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::sys;
use rustc_hash::FxHashMap;
use symphony_python_bridge::errors::BridgeError;
use symphony_python_bridge::memory::Block;
use symphony_wire::ErrorCode;

use crate::external_buffer;
use crate::js::{self, Arguments, Value};
use crate::shared_memory::SharedMemory;

/// An environment and an address.
type Place = (usize, usize);

thread_local! {
    /// Those of the environments of this thread.
    static BUFFERS: RefCell<FxHashMap<Place, Rc<Made>>> = RefCell::default();
    /// What was found out for the environment that asked last.
    static ALLOWED: Cell<Option<(usize, bool)>> = const { Cell::new(None) };
}

/// A buffer that may be alive.
struct Made {
    place: Place,
    bytes: usize,
    /// Weak.
    reference: Cell<sys::napi_ref>,
    /// What follows when it is collected.
    ends: RefCell<Vec<Box<dyn FnOnce()>>>,
}

/// `newMemory(bytes)`: an `ArrayBuffer` over a new block of zeros. Nothing of Python is needed for it.
pub(crate) unsafe extern "C" fn new_memory(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    js::edge(env, || {
        let mut arguments = Arguments::<1>::new(env);
        arguments.read(info);
        let bytes = arguments.size(0);
        if !is_allowed(env) {
            return Ok(js::undefined(env));
        }
        let block = Block::shareable(bytes).ok_or_else(|| {
            let message = format!("there is no memory for {bytes} bytes");
            BridgeError::new(ErrorCode::InvalidArgument, message)
        })?;
        make(env, block)
    })
}

/// Whether this runtime has buffers over memory that is not its own.
fn is_allowed(env: sys::napi_env) -> bool {
    let known = ALLOWED.get().filter(|(known, _)| *known == env as usize);
    let (_, is_allowed) = known.unwrap_or_else(|| (env as usize, SharedMemory::is_allowed(env)));
    ALLOWED.set(Some((env as usize, is_allowed)));
    is_allowed
}

/// The buffer over a block.
pub(crate) fn over(env: sys::napi_env, block: Arc<Block>) -> Result<Value, BridgeError> {
    match find(env, block.pointer().as_ptr() as usize, block.bytes()) {
        Some(buffer) => Ok(buffer),
        None => make(env, block),
    }
}

/// The buffer at an address, if it is alive, has so many bytes and has its memory still.
pub(crate) fn find(env: sys::napi_env, address: usize, bytes: usize) -> Option<Value> {
    let made = made_at(env, address).filter(|made| made.bytes == bytes)?;
    let buffer = js::referenced(env, made.reference.get());
    (!buffer.is_null() && !js::is_detached(env, buffer)).then_some(buffer)
}

/// Has `end` follow when the buffer at an address, which is alive, is collected: maybe in the middle of a collection, where no JavaScript may run.
pub(crate) fn on_collected(env: sys::napi_env, address: usize, end: impl FnOnce() + 'static) {
    match made_at(env, address) {
        Some(made) => made.ends.borrow_mut().push(Box::new(end)),
        None => end(),
    }
}

/// The block that an `ArrayBuffer` is over.
pub(crate) fn block_of(env: sys::napi_env, buffer: Value) -> Option<Arc<Block>> {
    let mut data = ptr::null_mut();
    let mut bytes = 0;
    // Not by way of an array, which is shorter than 4 GiB in some versions of Node.
    // SAFETY: writes the two results only; fails for anything but an ArrayBuffer.
    let status = unsafe { sys::napi_get_arraybuffer_info(env, buffer, &raw mut data, &raw mut bytes) };
    let block = (status == sys::Status::napi_ok).then(|| Block::shareable_at(data as usize));
    block.flatten().filter(|block| block.bytes() == bytes)
}

fn made_at(env: sys::napi_env, address: usize) -> Option<Rc<Made>> {
    BUFFERS.with_borrow(|buffers| buffers.get(&(env as usize, address)).map(Rc::clone))
}

fn make(env: sys::napi_env, block: Arc<Block>) -> Result<Value, BridgeError> {
    let (pointer, bytes) = (block.pointer(), block.bytes());
    // SAFETY: the block has so many bytes there, and stays until what holds it is dropped.
    let buffer = unsafe { external_buffer::over(env, pointer, bytes, block) }.ok_or_else(|| {
        let message = format!("JavaScript has no ArrayBuffer for {bytes} bytes of shared memory");
        BridgeError::new(ErrorCode::Conversion, message)
    })?;
    let made = Rc::new(Made {
        place: (env as usize, pointer.as_ptr() as usize),
        bytes,
        reference: Cell::new(ptr::null_mut()),
        ends: RefCell::default(),
    });
    let data = Rc::into_raw(Rc::clone(&made)).cast_mut().cast::<c_void>();
    let mut reference = ptr::null_mut();
    // SAFETY: an object of this environment; the finalizer takes back what it gets.
    let status =
        unsafe { sys::napi_add_finalizer(env, buffer, data, Some(collected), ptr::null_mut(), &raw mut reference) };
    if status == sys::Status::napi_ok {
        made.reference.set(reference);
        BUFFERS.with_borrow_mut(|buffers| buffers.insert(made.place, made));
    } else {
        // Only that nobody finds the buffer again.
        // SAFETY: no finalizer was registered, so it is still ours.
        drop(unsafe { Rc::from_raw(data.cast_const().cast::<Made>()) });
    }
    Ok(buffer)
}

unsafe extern "C" fn collected(env: sys::napi_env, made: *mut c_void, _hint: *mut c_void) {
    // SAFETY: from `Rc::into_raw` in `make`; this runs once, on the thread of the environment.
    let made = unsafe { Rc::from_raw(made.cast_const().cast::<Made>()) };
    BUFFERS.with_borrow_mut(|buffers| {
        // Another one may be there by now, if the memory of this one was transferred.
        if buffers.get(&made.place).is_some_and(|known| Rc::ptr_eq(known, &made)) {
            buffers.remove(&made.place);
        }
    });
    // SAFETY: the reference made in `make`, deleted once; allowed while collecting.
    unsafe { sys::napi_delete_reference(env, made.reference.get()) };
    for end in made.ends.take() {
        end();
    }
}
