//! CPython functions that exist in every supported version but not in the stable ABI, looked up once at run time.
//!
//! The core is built for `abi3-py310`, so the linker may not name them. Calling through them is what a
//! version-specific build would do: about 25 ns a call instead of 50 ns through `PyObject_Call`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use pyo3::ffi;

/// `PyObject_Vectorcall(callable, args, nargsf, kwnames)`.
pub type Vectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// See [`Symbols::get_method`].
pub type GetMethod = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut *mut ffi::PyObject) -> c_int;

/// Lets the callee borrow the slot before the first argument, which saves bound methods a copy.
pub const ARGUMENTS_OFFSET: usize = 1 << (usize::BITS - 1);

/// The functions and types found in the running libpython.
pub struct Symbols {
    /// Call with positional arguments; the last parameter must be null (`PyObject_Vectorcall` is a real symbol only
    /// from 3.11 on, and before that `PyObject_VectorcallDict` stands in: alike as long as there are no keywords).
    pub vectorcall: Vectorcall,
    /// Call with a keyword dictionary as the last parameter.
    pub vectorcall_dict: Vectorcall,
    /// `_PyObject_GetMethod(object, name, &found)`: 1 if `found` is a function to be called with the object in front, 0 if it
    /// is the attribute itself, or null with an exception set. The first half of `PyObject_VectorcallMethod`; not public,
    /// hence optional.
    pub get_method: Option<GetMethod>,
    /// `PyContext_CopyCurrent()`.
    pub context_copy: unsafe extern "C" fn() -> *mut ffi::PyObject,
    /// `PyContext_Enter(context)`.
    pub context_enter: unsafe extern "C" fn(*mut ffi::PyObject) -> c_int,
    /// `PyContext_Exit(context)`.
    pub context_exit: unsafe extern "C" fn(*mut ffi::PyObject) -> c_int,
    /// The type of functions written in Python.
    pub function_type: *mut ffi::PyTypeObject,
    /// The type of generators.
    pub generator_type: *mut ffi::PyTypeObject,
    /// The type of what `async def` functions give.
    pub coroutine_type: *mut ffi::PyTypeObject,
    /// The type of bound methods of Python functions.
    pub method_type: *mut ffi::PyTypeObject,
    /// The type of functions and bound methods written in C.
    pub builtin_type: *mut ffi::PyTypeObject,
    /// `PyMethod_Self` and `PyCFunction_GetSelf`: what a bound method is bound to.
    pub method_self: unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject,
    /// `PyMethod_Function`: the function of a bound method, borrowed.
    pub method_function: unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject,
}

// SAFETY: function addresses and the addresses of immortal static types do not change once libpython is loaded, and
// it is never unloaded.
unsafe impl Send for Symbols {}
// SAFETY: as above; nothing here is written after initialisation.
unsafe impl Sync for Symbols {}

static SYMBOLS: OnceLock<Symbols> = OnceLock::new();

/// The table; looked up on first use.
///
/// # Panics
///
/// When the loaded libpython lacks one of the names, which no CPython from 3.10 on does.
#[inline]
pub fn symbols() -> &'static Symbols {
    SYMBOLS.get_or_init(|| {
        let vectorcall_dict = required(c"PyObject_VectorcallDict");
        // SAFETY: each name is a documented C function of CPython with exactly the signature of its field, and the
        // two types are static objects of libpython.
        #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one fact covers the whole table")]
        unsafe {
            Symbols {
                vectorcall: std::mem::transmute::<*mut c_void, Vectorcall>(
                    find(c"PyObject_Vectorcall").unwrap_or(vectorcall_dict),
                ),
                vectorcall_dict: std::mem::transmute::<*mut c_void, Vectorcall>(vectorcall_dict),
                get_method: find(c"_PyObject_GetMethod")
                    .map(|found| std::mem::transmute::<*mut c_void, GetMethod>(found)),
                context_copy: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *mut ffi::PyObject>(
                    required(c"PyContext_CopyCurrent"),
                ),
                context_enter: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut ffi::PyObject) -> c_int>(
                    required(c"PyContext_Enter"),
                ),
                context_exit: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut ffi::PyObject) -> c_int>(
                    required(c"PyContext_Exit"),
                ),
                function_type: required(c"PyFunction_Type").cast(),
                generator_type: required(c"PyGen_Type").cast(),
                coroutine_type: required(c"PyCoro_Type").cast(),
                method_type: required(c"PyMethod_Type").cast(),
                builtin_type: required(c"PyCFunction_Type").cast(),
                method_self: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject,
                >(required(c"PyMethod_Self")),
                method_function: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject,
                >(required(c"PyMethod_Function")),
            }
        }
    })
}

unsafe extern "C" {
    /// Of the stable ABI; missing in `pyo3::ffi`.
    fn PyThread_get_thread_ident() -> std::ffi::c_ulong;
}

/// What Python's `threading.get_ident` gives on the calling thread, which need not be attached.
#[inline]
pub(crate) fn thread_ident() -> std::ffi::c_ulong {
    // SAFETY: without parameters and without the GIL.
    unsafe { PyThread_get_thread_ident() }
}

/// Whether a libpython is loaded, rather than the stub library that stands in for one and marks itself.
pub fn is_real_python() -> bool {
    find(c"symphony_stub_library").is_none()
}

/// The address of a symbol of the loaded libpython.
pub(crate) fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a valid C string; RTLD_DEFAULT searches the global scope, where libpython was opened.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast::<c_char>()) };
    (!address.is_null()).then_some(address)
}

fn required(name: &CStr) -> *mut c_void {
    find(name).unwrap_or_else(|| panic!("libpython has no symbol `{}`", name.to_string_lossy()))
}
