//! Decides whether libpython may be opened with `RTLD_DEEPBIND`.
//!
//! Node exports OpenSSL, zlib and others from its executable, which comes first in the global scope. Without DEEPBIND Python's
//! `_ssl` calls Node's OpenSSL. With it, libraries prefer their own dependencies, and with those libc's own `malloc`: fatal when
//! another allocator is loaded, because memory from one would be freed by the other. So: DEEPBIND on glibc, unless something
//! other than libc or the dynamic linker provides `malloc`.
//!
//! Asking the global scope for `malloc` does not do: Node's executable is not position independent and answers with a stub of its own.
//! So each loaded object is asked what it would call.

/// Whether to use `RTLD_DEEPBIND`, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether to use it.
    pub deepbind: bool,
    /// The reason, for people.
    pub reason: String,
}

/// The decision for this process as it is now.
pub fn decide() -> Decision {
    system::decide()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    use super::Decision;

    pub(super) fn decide() -> Decision {
        let reason = if cfg!(target_os = "linux") {
            "no: the C library has no RTLD_DEEPBIND"
        } else {
            "no: this system binds a library to the libraries it names"
        };
        Decision { deepbind: false, reason: reason.to_owned() }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod system {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::mem::MaybeUninit;
    use std::ptr;

    use super::Decision;

    pub(super) fn decide() -> Decision {
        match foreign_malloc() {
            Some(owner) => Decision {
                deepbind: false,
                reason: format!("no: `malloc` comes from `{owner}`, and RTLD_DEEPBIND would mix it with that of the C library"),
            },
            None => Decision {
                deepbind: true,
                reason: String::from("yes: keeps Python's OpenSSL and zlib apart from those in the Node executable"),
            },
        }
    }

    /// The object whose `malloc` replaces that of the C library.
    fn foreign_malloc() -> Option<String> {
        if executable_defines_malloc() {
            return Some(String::from("the executable"));
        }
        let own = c_library_base();
        loaded_objects().iter().find_map(|path| {
            let owner = malloc_owner(path)?;
            let name = owner.path.rsplit('/').next().unwrap_or_default();
            // glibc's dynamic linker brings a malloc of its own for the time before libc is there.
            let is_system = Some(owner.base) == own || name.starts_with("ld-linux") || name.starts_with("ld64");
            (!is_system).then_some(owner.path)
        })
    }

    /// An object in memory.
    struct Owner {
        path: String,
        base: usize,
    }

    /// The paths of all loaded objects but the executable, whose name is empty.
    fn loaded_objects() -> Vec<CString> {
        unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
            // SAFETY: `data` is the vector that `loaded_objects` passes, borrowed by nobody else during the call.
            let paths = unsafe { &mut *data.cast::<Vec<CString>>() };
            // SAFETY: the linker passes a valid description of a loaded object.
            let name = unsafe { (*info).dlpi_name };
            if !name.is_null() {
                // SAFETY: the linker's names are NUL-terminated and outlive this callback.
                let name = unsafe { CStr::from_ptr(name) };
                if !name.is_empty() {
                    paths.push(name.to_owned());
                }
            }
            0
        }
        let mut paths: Vec<CString> = Vec::new();
        // SAFETY: `collect` matches the type that is asked for, does not unwind, and gets a vector that outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(collect), ptr::from_mut(&mut paths).cast()) };
        paths
    }

    /// Whose `malloc` the object at `path` calls.
    fn malloc_owner(path: &CStr) -> Option<Owner> {
        // SAFETY: RTLD_NOLOAD runs no code of the object: it only gives a handle of what is loaded already.
        let object = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
        if object.is_null() {
            // The kernel's vdso has a name and no file.
            return None;
        }
        // SAFETY: `object` is a handle from `dlopen`, and the name is NUL-terminated.
        let address = unsafe { libc::dlsym(object, c"malloc".as_ptr()) };
        // SAFETY: `object` is not used after this; the library stays loaded, for it was so before.
        unsafe { libc::dlclose(object) };
        if address.is_null() { None } else { owner_of(address) }
    }

    fn owner_of(address: *const c_void) -> Option<Owner> {
        let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: `dladdr` takes any address, and writes to `info` only.
        if unsafe { libc::dladdr(address, info.as_mut_ptr()) } == 0 {
            return None;
        }
        // SAFETY: `dladdr` said that it filled `info`; all-zero was valid before, too.
        let info = unsafe { info.assume_init() };
        if info.dli_fname.is_null() {
            return None;
        }
        // SAFETY: the linker's names are NUL-terminated and live as long as the object.
        let path = unsafe { CStr::from_ptr(info.dli_fname) };
        Some(Owner { path: path.to_string_lossy().into_owned(), base: info.dli_fbase as usize })
    }

    fn c_library_base() -> Option<usize> {
        owner_of(libc::gnu_get_libc_version as *const c_void).map(|owner| owner.base)
    }

    /// Whether the executable itself contains an allocator, as Electron's does.
    ///
    /// In an executable that is not position independent, `malloc` has an address even if it is only imported: a stub. The
    /// symbol behind that address tells the two apart.
    fn executable_defines_malloc() -> bool {
        // From <dlfcn.h>; the libc crate lacks both.
        const RTLD_DL_SYMENT: c_int = 1;
        unsafe extern "C" {
            fn dladdr1(address: *const c_void, info: *mut libc::Dl_info, extra: *mut *mut c_void, flags: c_int) -> c_int;
        }
        // SAFETY: a null path asks for the executable, which is loaded.
        let executable = unsafe { libc::dlopen(ptr::null::<c_char>(), libc::RTLD_LAZY) };
        if executable.is_null() {
            return false;
        }
        // SAFETY: `executable` is a handle from `dlopen`, and the name is NUL-terminated.
        let address = unsafe { libc::dlsym(executable, c"malloc".as_ptr()) };
        let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
        let mut symbol: *mut c_void = ptr::null_mut();
        // SAFETY: `dladdr1` takes any address, and writes to `info` and `symbol` only.
        let known = unsafe { dladdr1(address, info.as_mut_ptr(), &raw mut symbol, RTLD_DL_SYMENT) } != 0;
        if !known || symbol.is_null() {
            return false;
        }
        // SAFETY: `dladdr1` filled `info`; all-zero was valid before, too.
        let info = unsafe { info.assume_init() };
        // The code of the loader's own executable: any address in it will do to compare, and its program headers have one.
        if Some(info.dli_fbase as usize) != executable_base() {
            return false;
        }
        // SAFETY: with RTLD_DL_SYMENT a non-null `symbol` points into the symbol table of the loaded object.
        let section = unsafe { (*symbol.cast::<libc::Elf64_Sym>()).st_shndx };
        section != 0
    }

    /// Where the executable is mapped, by the address of its program headers.
    fn executable_base() -> Option<usize> {
        // SAFETY: `getauxval` reads a table that the kernel left for the process.
        let headers = unsafe { libc::getauxval(libc::AT_PHDR) };
        owner_of(headers as *const c_void).map(|owner| owner.base)
    }
}
