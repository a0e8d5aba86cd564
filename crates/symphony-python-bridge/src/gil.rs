//! Attaching a thread to the interpreter, and data that the GIL protects.
//!
//! Every thread that calls Python keeps one permanent thread state: attaching then costs about 50 ns instead of
//! 350 ns, and what Python stores per thread (`threading.local`, context variables, pybind11's cached state)
//! survives between calls.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::contexts;

thread_local! {
    static CURRENT: Cell<Option<ThreadState>> = const { Cell::new(None) };
}

/// The permanent thread state of one thread. Valid on that thread only, which `!Send` sees to.
#[derive(Clone, Copy)]
pub struct ThreadState {
    pointer: NonNull<ffi::PyThreadState>,
    not_send: PhantomData<*mut ()>,
}

impl ThreadState {
    /// The calling thread's state, made at the first call; that first call waits for the GIL.
    pub fn of_current_thread() -> Self {
        CURRENT.get().unwrap_or_else(|| {
            // SAFETY: the interpreter is initialised (callers are reached only through a running interpreter) and is
            // never finalized. The count that Ensure raises is never lowered, which is what makes the state permanent.
            unsafe { ffi::PyGILState_Ensure() };
            // SAFETY: Ensure just attached this thread.
            unsafe { Self::detach_and_keep() }
        })
    }

    /// Detaches an attached thread and remembers its state as permanent.
    ///
    /// # Safety
    ///
    /// The calling thread is attached.
    pub(crate) unsafe fn detach_and_keep() -> Self {
        // SAFETY: the caller promises that the thread is attached.
        let pointer = unsafe { ffi::PyEval_SaveThread() };
        let pointer = NonNull::new(pointer).expect("PyEval_SaveThread gives the state it detached");
        let state = Self {
            pointer,
            not_send: PhantomData,
        };
        CURRENT.set(Some(state));
        state
    }

    /// Attaches until the guard is dropped. Must not be called while attached.
    #[inline]
    pub fn attach(self) -> Attached {
        // SAFETY: the state belongs to this thread (`!Send`) and is detached: guards do not nest.
        unsafe { ffi::PyEval_RestoreThread(self.pointer.as_ptr()) };
        Attached { not_send: PhantomData }
    }

    /// Ends the permanent state of a thread that will not call Python again.
    pub(crate) fn end(self) {
        CURRENT.set(None);
        // SAFETY: as in `attach`.
        unsafe { ffi::PyEval_RestoreThread(self.pointer.as_ptr()) };
        // SAFETY: balances the Ensure of `of_current_thread`; PyGILState_UNLOCKED says that the thread was not
        // attached before it, so the state is deleted and the GIL released.
        unsafe { ffi::PyGILState_Release(ffi::PyGILState_STATE::PyGILState_UNLOCKED) };
    }
}

/// Ends the calling thread's permanent state, if it has one, and leaves the contexts that are still entered on it: the thread will not call
/// Python again. Waits for the GIL.
pub fn end_current_thread() {
    if let Some(state) = CURRENT.get() {
        let _ending = Ending::begin();
        let attached = state.attach();
        contexts::leave_all(attached.python());
        drop(attached);
        state.end();
    }
}

static ENDING: AtomicUsize = AtomicUsize::new(0);

/// Whether threads that end their state wait for the GIL, or run destructors.
pub(crate) fn threads_are_ending() -> bool {
    ENDING.load(Ordering::Acquire) > 0
}

struct Ending;

impl Ending {
    fn begin() -> Self {
        ENDING.fetch_add(1, Ordering::AcqRel);
        Self
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        ENDING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The calling thread is attached to the interpreter; dropping detaches it.
pub struct Attached {
    not_send: PhantomData<*mut ()>,
}

impl Attached {
    /// The proof that PyO3's functions ask for.
    #[inline]
    pub fn python(&self) -> Python<'_> {
        // SAFETY: the thread is attached for as long as `self` lives.
        unsafe { Python::assume_attached() }
    }
}

impl Drop for Attached {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard's existence means attached; the permanent state is found again through `CURRENT`.
        unsafe { ffi::PyEval_SaveThread() };
    }
}

/// Data that only an attached thread touches.
///
/// The `RefCell` inside turns a programming error (Python code run while the data is borrowed, so that another
/// thread could get the GIL and enter) into a panic rather than undefined behaviour.
pub(crate) struct GilCell<T>(RefCell<T>);

// SAFETY: `with` asks for a `Python` token, so at most one thread at a time is inside; the abi3 core refuses
// free-threaded interpreters before the first object access.
unsafe impl<T> Sync for GilCell<T> {}

impl<T> GilCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Runs `body` on the data. `body` must not run Python code: no decref to zero, no attribute access.
    #[inline]
    pub(crate) fn with<R>(&self, _py: Python<'_>, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.borrow_mut())
    }
}

/// A strong reference that may be moved between threads and is given back with the GIL or through [`crate::releases`].
pub(crate) struct Held(NonNull<ffi::PyObject>);

// SAFETY: the pointer is only dereferenced by an attached thread: `bind` asks for the token.
unsafe impl Send for Held {}

impl Held {
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self(NonNull::new(object.into_ptr()).expect("a bound object is never null"))
    }

    pub(crate) fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: the object is alive, since `self` owns a reference.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr()) }
    }
}

impl Held {
    /// The reference itself, on an attached thread: it is given back there rather than through [`crate::releases`].
    pub(crate) fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: `self` owned the reference, and does no more.
        unsafe { Bound::from_owned_ptr(py, self.into_raw().as_ptr()) }
    }

    /// Whether it is that object.
    #[inline]
    pub(crate) fn is(&self, object: *mut ffi::PyObject) -> bool {
        std::ptr::eq(self.0.as_ptr(), object)
    }

    /// The owned reference itself.
    pub(crate) fn into_raw(self) -> NonNull<ffi::PyObject> {
        std::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        crate::releases::object(self.0);
    }
}
