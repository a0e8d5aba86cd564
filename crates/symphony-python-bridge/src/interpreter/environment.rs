//! The process's environment variables, as the libpython that is about to start sees them.

use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt;

/// Sets an environment variable of the process, as assigning to `process.env` does.
pub(super) fn set_variable(name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) {
        // SAFETY: valid C strings, copied by the call. Like Node and Python themselves this relies on no other
        // thread reading the environment through `getenv` at this moment.
        unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) };
    }
}

/// Fills the copy of the C variable `environ` that a deep-bound libpython reads.
///
/// Node is linked at a fixed address, so the linker moved `environ` from libc into the executable; libc itself uses
/// that one. A library opened with `RTLD_DEEPBIND` finds the original in libc, which stayed null, and `os.environ`
/// would be empty. Python reads it once, when it starts, so a copy of the present state is what it needs.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn show_to_deep_bound() {
    // SAFETY: a valid name; NOLOAD gives the library only if it is there, which it is.
    let libc_handle = unsafe { libc::dlopen(c"libc.so.6".as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
    if libc_handle.is_null() {
        return;
    }
    // SAFETY: a handle just got and a valid name.
    let original = unsafe { libc::dlsym(libc_handle, c"environ".as_ptr()) }.cast::<*const *const c_char>();
    // SAFETY: if found it is the variable of that name, which is a pointer.
    if original.is_null() || !unsafe { *original }.is_null() {
        return;
    }
    let mut copy: Vec<*const c_char> = std::env::vars_os()
        .filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok())
        .map(|entry| CString::into_raw(entry).cast_const())
        .collect();
    copy.push(std::ptr::null());
    // SAFETY: null until now, so nobody reads it; the copy lives for ever.
    unsafe { *original = copy.leak().as_ptr() };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn show_to_deep_bound() {}

/// Python may coerce the C locale by setting `LC_CTYPE` in the environment, which is Node's as well.
pub(super) struct SavedLocale(Option<std::ffi::OsString>);

const LC_CTYPE: &CStr = c"LC_CTYPE";

impl SavedLocale {
    pub(super) fn take() -> Self {
        Self(std::env::var_os("LC_CTYPE"))
    }
}

impl Drop for SavedLocale {
    fn drop(&mut self) {
        if std::env::var_os("LC_CTYPE") == self.0 {
            return;
        }
        if let Some(value) = &self.0 {
            set_variable("LC_CTYPE", value.as_bytes());
        } else {
            // SAFETY: as in `set_variable`.
            unsafe { libc::unsetenv(LC_CTYPE.as_ptr()) };
        }
    }
}
