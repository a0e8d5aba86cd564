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
        Decision {
            deepbind: false,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod system {
    use std::ffi::{CStr, CString, c_int, c_void};
    use std::mem::MaybeUninit;
    use std::ops::Range;
    use std::{ptr, slice};

    use super::Decision;

    pub(super) fn decide() -> Decision {
        match foreign_malloc() {
            Some(owner) => Decision {
                deepbind: false,
                reason: format!(
                    "no: `malloc` comes from `{owner}`, and RTLD_DEEPBIND would mix it with that of the C library"
                ),
            },
            None => Decision {
                deepbind: true,
                reason: String::from("yes: keeps Python's OpenSSL and zlib apart from those in the Node executable"),
            },
        }
    }

    /// The object whose `malloc` replaces that of the C library.
    fn foreign_malloc() -> Option<String> {
        let objects = Objects::loaded();
        if defines_malloc(&objects.executable) {
            return Some(String::from("the executable"));
        }
        let own = owner_of(libc::gnu_get_libc_version as *const c_void).map(|owner| owner.base);
        let mut known = Vec::new();
        objects.libraries.iter().find_map(|library| {
            let address = malloc_of(library)?;
            // Nearly all call the same one; looking up whose it is takes far longer than comparing.
            if known.contains(&address) {
                return None;
            }
            known.push(address);
            let owner = owner_of(address)?;
            let name = owner.path.rsplit('/').next().unwrap_or_default();
            // glibc's dynamic linker brings a malloc of its own for the time before libc is there.
            let is_system = Some(owner.base) == own || name.starts_with("ld-linux") || name.starts_with("ld64");
            // Calls of libraries that go through the executable's stub end where its import does, and that is judged by itself.
            let is_stub = objects.executable.contains(&(address as usize));
            (!is_system && !is_stub).then_some(owner.path)
        })
    }

    /// What is loaded.
    #[derive(Default)]
    struct Objects {
        /// The addresses of the executable, whose name is empty.
        executable: Range<usize>,
        /// The paths of all others.
        libraries: Vec<CString>,
    }

    impl Objects {
        fn loaded() -> Self {
            let mut objects = Self::default();
            // SAFETY: `collect` matches the type that is asked for, does not unwind, and gets a value that outlives the call.
            unsafe { libc::dl_iterate_phdr(Some(collect), ptr::from_mut(&mut objects).cast()) };
            objects
        }
    }

    unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
        // SAFETY: `data` is the value that `Objects::loaded` passes, borrowed by nobody else during the call.
        let objects = unsafe { &mut *data.cast::<Objects>() };
        // SAFETY: the linker passes a valid description of a loaded object.
        let info = unsafe { &*info };
        if info.dlpi_name.is_null() {
            return 0;
        }
        // SAFETY: the linker's names are NUL-terminated and outlive this callback.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) };
        if name.is_empty() {
            objects.executable = mapped_range(info);
        } else {
            objects.libraries.push(name.to_owned());
        }
        0
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "addresses of this process fit its pointers"
    )]
    fn mapped_range(info: &libc::dl_phdr_info) -> Range<usize> {
        // SAFETY: the linker gives the address and number of the object's program headers, which stay mapped.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let loads = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let ends = loads
            .clone()
            .map(|header| header.p_vaddr + header.p_memsz)
            .max()
            .unwrap_or_default();
        let starts = loads.map(|header| header.p_vaddr).min().unwrap_or_default();
        let base = info.dlpi_addr as usize;
        base.wrapping_add(starts as usize)..base.wrapping_add(ends as usize)
    }

    /// What the object at `path` calls as `malloc`.
    fn malloc_of(path: &CStr) -> Option<*const c_void> {
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
        (!address.is_null()).then_some(address.cast_const())
    }

    /// An object in memory.
    struct Owner {
        path: String,
        base: usize,
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
        Some(Owner {
            path: path.to_string_lossy().into_owned(),
            base: info.dli_fbase as usize,
        })
    }

    /// Whether the executable itself contains an allocator, as Electron's does.
    ///
    /// In an executable that is not position independent, `malloc` has an address even if it is only imported: a stub. The
    /// symbol behind that address tells the two apart.
    fn defines_malloc(executable: &Range<usize>) -> bool {
        // From <dlfcn.h>; the libc crate lacks both.
        const RTLD_DL_SYMENT: c_int = 1;
        unsafe extern "C" {
            fn dladdr1(
                address: *const c_void,
                info: *mut libc::Dl_info,
                extra: *mut *mut c_void,
                flags: c_int,
            ) -> c_int;
        }
        // SAFETY: RTLD_DEFAULT is a handle that is always valid, and the name is NUL-terminated.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"malloc".as_ptr()) };
        if !executable.contains(&(address as usize)) {
            return false;
        }
        let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
        let mut symbol: *mut c_void = ptr::null_mut();
        // SAFETY: `dladdr1` takes any address, and writes to `info` and `symbol` only.
        let known = unsafe { dladdr1(address, info.as_mut_ptr(), &raw mut symbol, RTLD_DL_SYMENT) } != 0;
        if !known || symbol.is_null() {
            return false;
        }
        // SAFETY: with RTLD_DL_SYMENT a non-null `symbol` points into the symbol table of a loaded object.
        let section = unsafe { (*symbol.cast::<ElfSymbol>()).st_shndx };
        section != SHN_UNDEF
    }

    #[cfg(target_pointer_width = "64")]
    type ElfSymbol = libc::Elf64_Sym;
    #[cfg(target_pointer_width = "32")]
    type ElfSymbol = libc::Elf32_Sym;

    /// The section of a symbol that is only imported.
    const SHN_UNDEF: u16 = 0;
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn a_plain_process_uses_deepbind() {
        assert_eq!(
            super::decide().reason,
            "yes: keeps Python's OpenSSL and zlib apart from those in the Node executable"
        );
    }
}
