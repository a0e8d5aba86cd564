//! Memory of V8's that must outlive the environment it belongs to.
//!
//! Node-API has nothing for that: a reference ends with its environment, and does not keep memory that is transferred. V8's own functions,
//! which Node exports, are looked up by name; where they are missing, nothing is lent.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use napi::sys;

use crate::js::Value;

/// `std::shared_ptr<v8::BackingStore> v8::…::GetBackingStore()`. The result is returned through memory of the caller's, as any type with a
/// destructor is; more words than it has make the compiler do so here, too.
type GetBackingStore = unsafe extern "C" fn(buffer: *const c_void) -> MaybeUninit<[usize; 8]>;

struct Functions {
    unshared: GetBackingStore,
    shared: GetBackingStore,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    FUNCTIONS
        .get_or_init(|| {
            Some(Functions {
                unshared: find(c"_ZN2v811ArrayBuffer15GetBackingStoreEv")?,
                shared: find(c"_ZN2v817SharedArrayBuffer15GetBackingStoreEv")?,
            })
        })
        .as_ref()
}

#[cfg(v8_by_name)]
fn find(name: &CStr) -> Option<GetBackingStore> {
    // SAFETY: a C string; the default scope has what the program exports.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: V8's function of that name has this signature in the C++ ABI of these platforms.
    (!address.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, GetBackingStore>(address) })
}

#[cfg(not(v8_by_name))]
fn find(_name: &CStr) -> Option<GetBackingStore> {
    None
}

/// Whether memory can be kept, and so lent.
pub(crate) fn can_be_kept() -> bool {
    functions().is_some()
}

/// Keeps the memory of an `ArrayBuffer` or `SharedArrayBuffer` until the process ends, whatever becomes of the buffer.
pub(crate) fn keep_for_ever(env: sys::napi_env, buffer: Value) {
    let Some(functions) = functions() else { return };
    if buffer.is_null() {
        return;
    }
    let mut is_unshared = false;
    // SAFETY: a value of this environment.
    unsafe { sys::napi_is_arraybuffer(env, buffer, &raw mut is_unshared) };
    let get = if is_unshared {
        functions.unshared
    } else {
        functions.shared
    };
    // SAFETY: a `napi_value` is the address of V8's slot for the object, which is what its handles are; the object is of the class whose
    // method this is. That the result is not destroyed is what keeps the memory.
    let _kept = unsafe { get(buffer.cast_const().cast()) };
}
