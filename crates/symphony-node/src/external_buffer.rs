//! `ArrayBuffer`s over memory that is not V8's.
//!
//! Node-API makes them by way of a `Buffer`: that takes 0.4 us more, and gives the memory back in a later turn of the event loop
//! only, so that one long synchronous job keeps every array that it was given. So V8 is asked itself where it can be, by the names that
//! Node exports: the memory then goes back when the collector frees the buffer, on whatever thread does that.
//!
//! V8 wants a `std::shared_ptr`, whose counts belong to the C++ library. The name of V8's function says which library that is: the one
//! that is looked for here is GNU's, where the layout of the counts (`_Sp_counted_base`) is a part of the ABI, since programs and
//! libraries that were compiled apart share them. With another library the name is another one, and Node-API serves.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use napi::sys;

use crate::js::Value;

/// A new buffer over this memory. `holder` keeps it: it is dropped when nobody uses the memory any more, on any thread; and at once if there
/// can be no such buffer.
///
/// # Safety
/// The memory is there, with so many bytes, until `holder` is dropped.
pub(crate) unsafe fn over<H: Send + 'static>(
    env: sys::napi_env,
    memory: NonNull<u8>,
    bytes: usize,
    holder: H,
) -> Option<Value> {
    let holder = Box::into_raw(Box::new(holder));
    #[cfg(v8_by_name)]
    if let Some(functions) = by_name::functions()
        && bytes <= by_name::MOST_BYTES
    {
        // SAFETY: as the caller promises; the box is dropped by the function that gets it, once.
        return Some(unsafe { functions.buffer(memory, bytes, given_up::<H>, holder.cast()) });
    }
    let mut buffer = ptr::null_mut();
    // SAFETY: as above.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env,
            memory.as_ptr().cast(),
            bytes,
            Some(finalized::<H>),
            holder.cast(),
            &raw mut buffer,
        )
    };
    match status {
        sys::Status::napi_ok => Some(buffer),
        sys::Status::napi_no_external_buffers_allowed => {
            // SAFETY: refused before anything was registered, so it is still ours.
            drop(unsafe { Box::from_raw(holder) });
            None
        }
        // Too large, for example: Node has called `finalized` by itself then, or will, and has thrown an error.
        _ => None,
    }
}

unsafe extern "C" fn finalized<H>(_env: sys::napi_env, data: *mut c_void, holder: *mut c_void) {
    // SAFETY: the holder of `over`; Node calls this once.
    unsafe { given_up::<H>(data, 0, holder) };
}

unsafe extern "C" fn given_up<H>(_data: *mut c_void, _bytes: usize, holder: *mut c_void) {
    // SAFETY: the box that `over` made, of that type; this runs once.
    drop(unsafe { Box::from_raw(holder.cast::<H>()) });
}

/// V8's functions, by their names in the C++ ABI of these platforms. That of JavaScript's values is Node-API's own: a `napi_value` is what
/// `v8::Local` is, the address of V8's slot for the object.
#[cfg(v8_by_name)]
mod by_name {
    use std::ffi::{CStr, c_void};
    use std::mem::{MaybeUninit, transmute_copy};
    use std::ptr::{self, NonNull};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI32, Ordering};

    use crate::js::Value;

    /// V8 ends the process beyond this.
    pub(super) const MOST_BYTES: usize = (1 << 53) - 1;

    type Isolate = *mut c_void;
    /// An object of V8's C++ class `BackingStore`.
    type Store = *mut c_void;
    type Deleter = unsafe extern "C" fn(data: *mut c_void, bytes: usize, hint: *mut c_void);

    pub(super) struct Functions {
        /// `v8::Isolate* v8::Isolate::GetCurrent()`
        current_isolate: unsafe extern "C" fn() -> Isolate,
        /// `std::unique_ptr<BackingStore> v8::ArrayBuffer::NewBackingStore(void*, size_t, DeleterCallback, void*)`. The result is returned
        /// through memory of the caller's, as any type with a destructor is; more words than it has make the compiler do so here, too.
        new_store: unsafe extern "C" fn(*mut c_void, usize, Deleter, *mut c_void) -> MaybeUninit<[Store; 8]>,
        /// `v8::BackingStore::~BackingStore()`
        destroy_store: unsafe extern "C" fn(Store),
        /// `operator delete(void*)`
        delete: unsafe extern "C" fn(*mut c_void),
        /// `Local<ArrayBuffer> v8::ArrayBuffer::New(Isolate*, std::shared_ptr<BackingStore>)`. An argument with a destructor is passed by its
        /// address.
        new_buffer: unsafe extern "C" fn(Isolate, *mut SharedStore) -> Value,
    }

    /// All of them, if Node exports all of them.
    pub(super) fn functions() -> Option<&'static Functions> {
        static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
        let functions = FUNCTIONS.get_or_init(|| {
            Some(Functions {
                // SAFETY: the function of that name is the one that the field describes; so are the others.
                current_isolate: unsafe { find(c"_ZN2v87Isolate10GetCurrentEv") }?,
                // SAFETY: as above.
                new_store: unsafe { find(c"_ZN2v811ArrayBuffer15NewBackingStoreEPvmPFvS1_mS1_ES1_") }?,
                // SAFETY: as above.
                destroy_store: unsafe { find(c"_ZN2v812BackingStoreD1Ev") }?,
                // SAFETY: as above.
                delete: unsafe { find(c"_ZdlPv") }?,
                // SAFETY: as above.
                new_buffer: unsafe {
                    find(c"_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE")
                }?,
            })
        });
        functions.as_ref()
    }

    /// A function that the process exports; nothing if there is none of that name.
    ///
    /// # Safety
    /// `F` is the type of a function pointer, and right for what has that name.
    unsafe fn find<F: Copy>(name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: a C string; the default scope has what the program exports.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        // SAFETY: the caller's promise, for an address that is not null.
        (!address.is_null()).then(|| unsafe { transmute_copy(&address) })
    }

    impl Functions {
        /// A new buffer, whose memory `deleter` gives up.
        ///
        /// # Safety
        /// As for [`super::over`]; on the thread of an environment, inside one of its callbacks.
        pub(super) unsafe fn buffer(
            &'static self,
            memory: NonNull<u8>,
            bytes: usize,
            deleter: Deleter,
            hint: *mut c_void,
        ) -> Value {
            // SAFETY: the caller's promise.
            let made = unsafe { (self.new_store)(memory.as_ptr().cast(), bytes, deleter, hint) };
            // SAFETY: the first word is the pointer that a `unique_ptr` consists of.
            let store = unsafe { made.as_ptr().cast::<Store>().read() };
            let mut shared = SharedStore {
                store,
                counts: Counts::new(self, store),
            };
            // SAFETY: a callback runs in the isolate of its environment.
            let isolate = unsafe { (self.current_isolate)() };
            // SAFETY: the isolate of this thread, which has an open handle scope, and a `shared_ptr`.
            let buffer = unsafe { (self.new_buffer)(isolate, &raw mut shared) };
            shared.let_go();
            buffer
        }
    }

    /// GNU's `std::shared_ptr<v8::BackingStore>`.
    #[repr(C)]
    struct SharedStore {
        store: Store,
        counts: *mut Counts,
    }

    impl SharedStore {
        /// What the destructor does, which the caller runs on an argument: nothing if it was moved away.
        fn let_go(&self) {
            let Some(counts) = NonNull::new(self.counts) else {
                return;
            };
            // SAFETY: this pointer has a use, so the counts are there.
            if unsafe { counts.as_ref() }.uses.fetch_sub(1, Ordering::AcqRel) == 1 {
                // SAFETY: that was the last use.
                unsafe { dispose(counts.as_ptr()) };
                // SAFETY: all uses together have one of the weak counts.
                if unsafe { counts.as_ref() }.weak.fetch_sub(1, Ordering::AcqRel) == 1 {
                    // SAFETY: nobody has the counts any more.
                    unsafe { destroy(counts.as_ptr()) };
                }
            }
        }
    }

    /// GNU's `std::_Sp_counted_base`, and what this one disposes of.
    #[repr(C)]
    struct Counts {
        table: *const c_void,
        uses: AtomicI32,
        weak: AtomicI32,
        functions: &'static Functions,
        store: Store,
    }

    impl Counts {
        fn new(functions: &'static Functions, store: Store) -> *mut Self {
            Box::into_raw(Box::new(Self {
                table: ptr::from_ref(&TABLE.complete_destructor).cast(),
                uses: AtomicI32::new(1),
                weak: AtomicI32::new(1),
                functions,
                store,
            }))
        }
    }

    /// Its table of virtual functions, in the order in which the class declares them. Objects point behind the first two words.
    #[repr(C)]
    struct Table {
        offset: usize,
        type_information: usize,
        complete_destructor: unsafe extern "C" fn(*mut Counts),
        deleting_destructor: unsafe extern "C" fn(*mut Counts),
        dispose: unsafe extern "C" fn(*mut Counts),
        destroy: unsafe extern "C" fn(*mut Counts),
        get_deleter: unsafe extern "C" fn(*mut Counts, *const c_void) -> *mut c_void,
    }

    static TABLE: Table = Table {
        offset: 0,
        type_information: 0,
        complete_destructor: nothing,
        deleting_destructor: destroy,
        dispose,
        destroy,
        get_deleter: no_deleter,
    };

    /// The last use is over: ends the backing store, which gives the memory up.
    unsafe extern "C" fn dispose(counts: *mut Counts) {
        // SAFETY: whoever calls a virtual function has the object.
        let Counts { functions, store, .. } = unsafe { &*counts };
        // SAFETY: the store made in `buffer`, which is ended once, in the way of `std::default_delete`.
        unsafe { (functions.destroy_store)(*store) };
        // SAFETY: as above.
        unsafe { (functions.delete)(*store) };
    }

    /// Nobody has the counts any more.
    unsafe extern "C" fn destroy(counts: *mut Counts) {
        // SAFETY: the box of `Counts::new`, once.
        drop(unsafe { Box::from_raw(counts) });
    }

    unsafe extern "C" fn nothing(_counts: *mut Counts) {}

    unsafe extern "C" fn no_deleter(_counts: *mut Counts, _type: *const c_void) -> *mut c_void {
        ptr::null_mut()
    }
}
