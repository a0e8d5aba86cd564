//! An executable that brings its own `malloc`, as Electron's does: no DEEPBIND then.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::c_void;

use symphony_loader::malloc::decide;

unsafe extern "C" {
    /// What glibc's `malloc` is an alias of.
    fn __libc_malloc(size: usize) -> *mut c_void;
}

/// This executable's own, which all libraries of the process now call.
///
/// # Safety
/// As `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size is allowed.
    unsafe { __libc_malloc(size) }
}

#[test]
fn turns_deepbind_off() {
    let decision = decide();
    assert!(!decision.deepbind);
    assert_eq!(
        decision.reason,
        "no: `malloc` comes from `the executable`, and RTLD_DEEPBIND would mix it with that of the C library"
    );
}
