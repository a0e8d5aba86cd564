//! Opens libpython, or the stub library in its place, for the whole process and for its whole life.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use symphony_wire::ErrorCode;

/// The library that this process has. It cannot be exchanged, whichever environment of Node asks.
static OPENED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Why a library was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFailure {
    /// Which kind of failure it is.
    pub code: ErrorCode,
    /// What happened, with the linker's words.
    pub message: String,
}

/// Opens `library` with its symbols visible to everything that is loaded later. Opening it again does nothing.
pub fn open(library: &Path, deepbind: bool) -> Result<(), OpenFailure> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = fs::canonicalize(library).unwrap_or_else(|_| library.to_path_buf());
    match &*opened {
        Some(current) if *current == wanted => return Ok(()),
        Some(current) => {
            let message = format!(
                "this process already runs with `{}`; it cannot change to `{}`",
                current.display(),
                wanted.display()
            );
            return Err(OpenFailure { code: ErrorCode::PythonAlreadyChosen, message });
        }
        None => {}
    }
    // Not the resolved path: next to the one that was named, macOS and Windows look for what the library needs.
    system::open(library, deepbind).map_err(|words| {
        let message = format!("cannot open `{}`: {words}", library.display());
        OpenFailure { code: ErrorCode::LibpythonLoad, message }
    })?;
    *opened = Some(wanted);
    Ok(())
}

#[cfg(unix)]
mod system {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    pub(super) fn open(library: &Path, deepbind: bool) -> Result<(), String> {
        let path = CString::new(library.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // NOW: the core binds its symbols at once. GLOBAL: the core and extension modules look for them in the global scope.
        // NODELETE: an interpreter is never unloaded.
        let mut flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NODELETE;
        if deepbind {
            flags |= DEEPBIND;
        }
        // SAFETY: libpython's initialisers only register allocators and the like; the interpreter starts later.
        let handle = unsafe { libc::dlopen(path.as_ptr(), flags) };
        if handle.is_null() { Err(linker_error()) } else { Ok(()) }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    const DEEPBIND: libc::c_int = libc::RTLD_DEEPBIND;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    const DEEPBIND: libc::c_int = 0;

    fn linker_error() -> String {
        // SAFETY: `dlerror` has no precondition.
        let words = unsafe { libc::dlerror() };
        if words.is_null() {
            return String::from("the dynamic linker gave no reason");
        }
        // SAFETY: a non-null result is NUL-terminated and valid until the next call on this thread.
        unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::c_void;
    use std::os::windows::ffi::OsStrExt;
    use std::path::Path;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn LoadLibraryExW(name: *const u16, file: *mut c_void, flags: u32) -> *mut c_void;
    }

    /// The DLLs that Python's DLL needs are next to it, not next to `node.exe`.
    const LOAD_WITH_ALTERED_SEARCH_PATH: u32 = 8;

    /// Opens pythonXY.dll and then python3.dll, which the core names and which forwards to it.
    pub(super) fn open(library: &Path, _deepbind: bool) -> Result<(), String> {
        load(library)?;
        let forwarder = library.with_file_name("python3.dll");
        if forwarder.is_file() { load(&forwarder) } else { Ok(()) }
    }

    fn load(library: &Path) -> Result<(), String> {
        let name: Vec<u16> = library.as_os_str().encode_wide().chain([0]).collect();
        // SAFETY: `name` is NUL-terminated and outlives the call; the second argument is reserved and null.
        let module = unsafe { LoadLibraryExW(name.as_ptr(), std::ptr::null_mut(), LOAD_WITH_ALTERED_SEARCH_PATH) };
        if module.is_null() { Err(std::io::Error::last_os_error().to_string()) } else { Ok(()) }
    }
}
