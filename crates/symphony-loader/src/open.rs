//! Opens libpython, or the stub library in its place, for the whole process and for its whole life.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use symphony_wire::ErrorCode;

/// The library that this process has. It cannot be exchanged, whichever environment of Node asks.
static OPENED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The library that was opened.
pub fn opened() -> Option<PathBuf> {
    OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

/// Why a library was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFailure {
    /// Which kind of failure it is.
    pub code: ErrorCode,
    /// What happened, with the linker's words.
    pub message: String,
}

/// Opens `library` with its symbols visible to everything that is loaded later. Opening it again does nothing.
///
/// # Errors
/// The linker refuses it, it is no library that the core can run on, or the process already has another.
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
            return Err(OpenFailure {
                code: ErrorCode::PythonAlreadyChosen,
                message,
            });
        }
        None => {}
    }
    // Not the resolved path: next to the one that was named, macOS and Windows look for what the library needs.
    system::open(library, deepbind).map_err(|refusal| {
        let (code, words) = match refusal {
            Refusal::Linker(words) => (ErrorCode::LibpythonLoad, words),
            Refusal::FreeThreaded => (
                ErrorCode::PythonUnsupported,
                String::from("it is a free-threaded build"),
            ),
        };
        OpenFailure {
            code,
            message: format!("cannot open `{}`: {words}", library.display()),
        }
    })?;
    *opened = Some(wanted);
    Ok(())
}

/// Why the system, or a look into the library, refused it.
enum Refusal {
    Linker(String),
    #[cfg_attr(
        windows,
        expect(dead_code, reason = "there, the two builds are files of different names")
    )]
    FreeThreaded,
}

/// What the version text has in builds without the GIL. The core is built for the other layout of objects, and the symbols are
/// the same: nothing else would stop it from being loaded over such a library.
#[cfg(unix)]
const FREE_THREADED: &str = "free-threading build";

#[cfg(unix)]
mod system {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::{FREE_THREADED, Refusal};

    pub(super) fn open(library: &Path, deepbind: bool) -> Result<(), Refusal> {
        let path = CString::new(library.as_os_str().as_bytes()).map_err(|error| Refusal::Linker(error.to_string()))?;
        let binding = libc::RTLD_NOW | if deepbind { DEEPBIND } else { 0 };
        #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
        if deepbind {
            crate::copied_data::mirror();
        }
        // First for this function alone, to look into it: a library that is refused must leave no symbols behind.
        let handle = dlopen(&path, binding | libc::RTLD_LOCAL)?;
        let verdict = inspect(handle);
        if verdict.is_ok() {
            // GLOBAL: the core and extension modules find its symbols in the global scope. NODELETE: an interpreter is never unloaded.
            dlopen(&path, binding | libc::RTLD_GLOBAL | libc::RTLD_NODELETE)?;
        }
        // SAFETY: `handle` is from `dlopen` and not used after this.
        unsafe { libc::dlclose(handle) };
        verdict
    }

    fn dlopen(path: &CStr, flags: c_int) -> Result<*mut c_void, Refusal> {
        // SAFETY: libpython's initialisers only set up static data; the interpreter starts later.
        let handle = unsafe { libc::dlopen(path.as_ptr(), flags) };
        if handle.is_null() {
            Err(Refusal::Linker(linker_error()))
        } else {
            Ok(handle)
        }
    }

    fn inspect(library: *mut c_void) -> Result<(), Refusal> {
        if symbol(library, c"symphony_stub_library").is_some() {
            return Ok(());
        }
        let Some(address) = symbol(library, c"Py_GetVersion") else {
            return Err(Refusal::Linker(String::from(
                "it is not a libpython: it has no `Py_GetVersion`",
            )));
        };
        // SAFETY: the symbol of this name is this function in every release; it is not the stub's, which has its own mark.
        let get_version =
            unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *const c_char>(address) };
        // SAFETY: documented as callable before the interpreter is initialised.
        let version = unsafe { get_version() };
        // SAFETY: it returns a static, NUL-terminated text.
        let version = unsafe { CStr::from_ptr(version) }.to_string_lossy();
        if version.contains(FREE_THREADED) {
            Err(Refusal::FreeThreaded)
        } else {
            Ok(())
        }
    }

    fn symbol(library: *mut c_void, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: `library` is an open handle, and `name` is NUL-terminated.
        let address = unsafe { libc::dlsym(library, name.as_ptr()) };
        (!address.is_null()).then_some(address)
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    const DEEPBIND: c_int = libc::RTLD_DEEPBIND;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    const DEEPBIND: c_int = 0;

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

    use super::Refusal;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn LoadLibraryExW(name: *const u16, file: *mut c_void, flags: u32) -> *mut c_void;
    }

    /// The DLLs that Python's DLL needs are next to it, not next to `node.exe`.
    const LOAD_WITH_ALTERED_SEARCH_PATH: u32 = 8;

    /// Opens pythonXY.dll and then python3.dll, which the core names and which forwards to it.
    ///
    /// A free-threaded build has its own names for both, which the core does not import.
    pub(super) fn open(library: &Path, _deepbind: bool) -> Result<(), Refusal> {
        load(library)?;
        let forwarder = library.with_file_name("python3.dll");
        if forwarder.is_file() { load(&forwarder) } else { Ok(()) }
    }

    fn load(library: &Path) -> Result<(), Refusal> {
        let name: Vec<u16> = library.as_os_str().encode_wide().chain([0]).collect();
        // SAFETY: `name` is NUL-terminated and outlives the call; the second argument is reserved and null.
        let module = unsafe { LoadLibraryExW(name.as_ptr(), std::ptr::null_mut(), LOAD_WITH_ALTERED_SEARCH_PATH) };
        if module.is_null() {
            Err(Refusal::Linker(std::io::Error::last_os_error().to_string()))
        } else {
            Ok(())
        }
    }
}
