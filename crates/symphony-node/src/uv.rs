//! libuv's handles for sockets and timers. Node exports libuv's functions to native modules; they are looked up by name, since not every
//! runtime with Node-API has them.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use napi::sys;

/// The kinds that are used, by their numbers in `uv_handle_type`.
#[derive(Clone, Copy)]
#[repr(i32)]
enum Kind {
    Poll = 8,
    Timer = 13,
}

/// There is something to read, or the other end is gone.
pub(crate) const READABLE: c_int = 1;
/// There is space to write.
pub(crate) const WRITABLE: c_int = 2;

type Loop = *mut sys::uv_loop_s;
type Handle = *mut c_void;
type Close = unsafe extern "C" fn(Handle);
type Polled = unsafe extern "C" fn(Handle, c_int, c_int);
type TimedOut = unsafe extern "C" fn(Handle);

struct Functions {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    get_data: unsafe extern "C" fn(Handle) -> *mut c_void,
    close: unsafe extern "C" fn(Handle, Option<Close>),
    reference: unsafe extern "C" fn(Handle),
    unreference: unsafe extern "C" fn(Handle),
    poll_init: unsafe extern "C" fn(Loop, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, Polled) -> c_int,
    timer_init: unsafe extern "C" fn(Loop, Handle) -> c_int,
    timer_start: unsafe extern "C" fn(Handle, TimedOut, u64, u64) -> c_int,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    /// # Safety
    ///
    /// The function of that name has the type `F`.
    unsafe fn find<F: Copy>(name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>(), "a function pointer") };
        // SAFETY: a C string; the default scope has what the program exports.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        // SAFETY: of the same size, and the type is what the caller promises.
        (!address.is_null()).then(|| unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
    }
    FUNCTIONS
        .get_or_init(|| {
            // SAFETY (of each): the signature in libuv's documentation, which is stable within its version 1.
            Some(Functions {
                // SAFETY: as above.
                handle_size: unsafe { find(c"uv_handle_size")? },
                // SAFETY: as above.
                set_data: unsafe { find(c"uv_handle_set_data")? },
                // SAFETY: as above.
                get_data: unsafe { find(c"uv_handle_get_data")? },
                // SAFETY: as above.
                close: unsafe { find(c"uv_close")? },
                // SAFETY: as above.
                reference: unsafe { find(c"uv_ref")? },
                // SAFETY: as above.
                unreference: unsafe { find(c"uv_unref")? },
                // SAFETY: as above.
                poll_init: unsafe { find(c"uv_poll_init")? },
                // SAFETY: as above.
                poll_start: unsafe { find(c"uv_poll_start")? },
                // SAFETY: as above.
                timer_init: unsafe { find(c"uv_timer_init")? },
                // SAFETY: as above.
                timer_start: unsafe { find(c"uv_timer_start")? },
            })
        })
        .as_ref()
}

/// What is told of events; on the thread of the event loop.
pub(crate) trait Events {
    /// A socket is readable, writable or both; `failed` if neither can be said.
    fn polled(&self, events: c_int, failed: bool);
    /// The timer's time is up.
    fn timed_out(&self);
    /// One of the functions above panicked.
    fn panicked(&self);
    /// One of the handles is closed for good. Nothing of the handle is used after this.
    fn closed(&self);
}

/// A handle of the event loop, which belongs to this thread. It has to be closed, and tells `owner` when that is done.
pub(crate) struct UvHandle {
    pointer: NonNull<c_void>,
    functions: &'static Functions,
}

impl UvHandle {
    /// Watches a socket; it keeps the process alive unless [`hold`](Self::hold) says otherwise. `owner` must live until `closed`.
    pub(crate) fn poll<E: Events>(env: sys::napi_env, socket: c_int, owner: *const E) -> Option<Self> {
        let (handle, event_loop) = Self::allocate::<E>(env, Kind::Poll, owner)?;
        // SAFETY: memory for a handle of that kind, the loop of this thread, an open socket.
        let status = unsafe { (handle.functions.poll_init)(event_loop, handle.pointer.as_ptr(), socket) };
        handle.if_initialised(status)
    }

    /// A timer that does not run yet and does not keep the process alive.
    pub(crate) fn timer<E: Events>(env: sys::napi_env, owner: *const E) -> Option<Self> {
        let (handle, event_loop) = Self::allocate::<E>(env, Kind::Timer, owner)?;
        // SAFETY: memory for a handle of that kind, the loop of this thread.
        let status = unsafe { (handle.functions.timer_init)(event_loop, handle.pointer.as_ptr()) };
        let handle = handle.if_initialised(status)?;
        handle.hold(false);
        Some(handle)
    }

    fn allocate<E: Events>(env: sys::napi_env, kind: Kind, owner: *const E) -> Option<(Self, Loop)> {
        let functions = functions()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: writes the result only.
        if unsafe { sys::napi_get_uv_event_loop(env, &raw mut event_loop) } != sys::Status::napi_ok {
            return None;
        }
        // SAFETY: a number of `uv_handle_type`.
        let layout = layout_of(unsafe { (functions.handle_size)(kind as c_int) })?;
        // SAFETY: not of size 0, since a handle begins with its data.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // SAFETY: the first word of the allocation, which is in front of the handle.
        unsafe { base.cast::<usize>().write(layout.size()) };
        // SAFETY: within the allocation.
        let pointer = unsafe { base.byte_add(FRONT) }.cast::<c_void>();
        let handle = Self { pointer, functions };
        // SAFETY: memory of a handle.
        unsafe { (functions.set_data)(pointer.as_ptr(), owner.cast_mut().cast()) };
        Some((handle, event_loop))
    }

    fn if_initialised(self, status: c_int) -> Option<Self> {
        if status == 0 {
            return Some(self);
        }
        // SAFETY: the memory of `allocate`, which the loop does not know.
        unsafe { free(self.pointer) };
        None
    }

    /// From now on the owner hears of these events.
    pub(crate) fn watch<E: Events>(&self, events: c_int) -> bool {
        // SAFETY: an initialised poll handle that is not closing.
        unsafe { (self.functions.poll_start)(self.pointer.as_ptr(), events, polled::<E>) == 0 }
    }

    /// The owner hears of it after so many milliseconds, once. Allowed in finalizers: no JavaScript is touched.
    pub(crate) fn start<E: Events>(&self, milliseconds: u64) {
        // SAFETY: an initialised timer that is not closing.
        unsafe { (self.functions.timer_start)(self.pointer.as_ptr(), timed_out::<E>, milliseconds, 0) };
    }

    /// Whether it keeps the process alive.
    pub(crate) fn hold(&self, hold: bool) {
        let function = if hold {
            self.functions.reference
        } else {
            self.functions.unreference
        };
        // SAFETY: an initialised handle.
        unsafe { function(self.pointer.as_ptr()) };
    }

    /// Ends it. The owner hears of that once more.
    pub(crate) fn close<E: Events>(self) {
        // SAFETY: an initialised handle that is not closing, since this takes it.
        unsafe { (self.functions.close)(self.pointer.as_ptr(), Some(closed::<E>)) };
    }
}

/// In front of a handle stands the size of the allocation.
const FRONT: usize = 16;

fn layout_of(handle: usize) -> Option<Layout> {
    Layout::from_size_align(handle + FRONT, 16).ok()
}

/// # Safety
///
/// The memory of a handle, which nobody uses any more.
unsafe fn free(handle: NonNull<c_void>) {
    // SAFETY: within the allocation, whose first word this is.
    let base = unsafe { handle.byte_sub(FRONT) };
    // SAFETY: written by `allocate`.
    let size = unsafe { base.cast::<usize>().read() };
    if let Ok(layout) = Layout::from_size_align(size, 16) {
        // SAFETY: the allocation and its layout.
        unsafe { dealloc(base.as_ptr().cast(), layout) };
    }
}

/// # Safety
///
/// A handle whose owner is an `E` that lives.
unsafe fn owner_of<'a, E>(handle: Handle) -> Option<&'a E> {
    // SAFETY: a handle.
    let data = unsafe { (functions()?.get_data)(handle) };
    // SAFETY: the caller's promise.
    unsafe { data.cast::<E>().as_ref() }
}

/// A panic ends with the owner, and not in libuv's code.
fn guarded<E: Events>(owner: &E, body: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        let _panicked_again = catch_unwind(AssertUnwindSafe(|| owner.panicked()));
    }
}

unsafe extern "C" fn polled<E: Events>(handle: Handle, status: c_int, events: c_int) {
    // SAFETY: the loop calls it for handles that are open, and owners live until those are closed.
    if let Some(owner) = unsafe { owner_of::<E>(handle) } {
        guarded(owner, || owner.polled(events, status < 0));
    }
}

unsafe extern "C" fn timed_out<E: Events>(handle: Handle) {
    // SAFETY: as above.
    if let Some(owner) = unsafe { owner_of::<E>(handle) } {
        guarded(owner, || owner.timed_out());
    }
}

unsafe extern "C" fn closed<E: Events>(handle: Handle) {
    // SAFETY: owners live until their handles are closed.
    let owner = unsafe { owner_of::<E>(handle) };
    if let Some(handle) = NonNull::new(handle) {
        // SAFETY: the loop has forgotten it.
        unsafe { free(handle) };
    }
    if let Some(owner) = owner {
        // It may free the owner, so there is nobody to tell of a panic.
        let _panicked = catch_unwind(AssertUnwindSafe(|| owner.closed()));
    }
}
