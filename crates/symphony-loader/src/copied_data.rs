//! Data of libstdc++ of which the host program has a copy.
//!
//! A program that is not position-independent, as Node is, gets variables of its libraries by copying them (`R_*_COPY`): from then on
//! everybody means the copy, the library included. A library that was opened with `RTLD_DEEPBIND` looks into libstdc++ first, though, and
//! finds the original, which nobody has set up. In Node 22 and later `std::ctype<char>::id` is such a variable, and `std::regex` in an
//! extension module throws an exception that no Python code expects; everywhere `std::cout` and `std::cerr` are, and whoever prints to
//! them crashes. So the originals get what the copies have. All of them are set up when libstdc++ is loaded, and do not change later.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// The variables that hold state; tables of functions are the same in both places.
const VARIABLES: [&CStr; 13] = [
    c"_ZNSt5ctypeIcE2idE",
    c"_ZNSt5ctypeIwE2idE",
    c"_ZNSt7codecvtIcc11__mbstate_tE2idE",
    c"_ZNSt7collateIcE2idE",
    c"_ZNSt7__cxx117collateIcE2idE",
    c"_ZNSt8numpunctIcE2idE",
    c"_ZNSt7__cxx118numpunctIcE2idE",
    c"_ZNSt7num_putIcSt19ostreambuf_iteratorIcSt11char_traitsIcEEE2idE",
    c"_ZNSt7num_getIcSt19istreambuf_iteratorIcSt11char_traitsIcEEE2idE",
    c"_ZSt3cin",
    c"_ZSt4cout",
    c"_ZSt4cerr",
    c"_ZSt4clog",
];

/// `Elf64_Sym`
#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: u64,
    size: u64,
}

unsafe extern "C" {
    /// glibc's `dladdr1`, which gives the entry of the symbol table as well.
    fn dladdr1(address: *const c_void, info: *mut libc::Dl_info, extra: *mut *mut c_void, flags: c_int) -> c_int;
}

const SYMBOL_ENTRY: c_int = 1;

/// Gives libstdc++'s own variables what the program's copies have.
pub(crate) fn mirror() {
    // SAFETY: asks for a library that is loaded, and runs no code.
    let library = unsafe { libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
    if library.is_null() {
        return;
    }
    for name in VARIABLES {
        let (Some(original), Some(copy)) = (find(library, name), find(libc::RTLD_DEFAULT, name)) else {
            continue;
        };
        if original == copy {
            continue;
        }
        if let (Some(bytes), Some(other)) = (size_of_symbol(original), size_of_symbol(copy))
            && bytes == other
        {
            // SAFETY: two variables of one type, of that size, which nobody writes to at this time: libstdc++ sets them up when it is loaded.
            unsafe { ptr::copy_nonoverlapping(copy.cast::<u8>(), original.cast::<u8>(), bytes) };
        }
    }
    // SAFETY: from `dlopen`, used no more.
    unsafe { libc::dlclose(library) };
}

fn find(library: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: an open library, or the default scope, and a C string.
    let address = unsafe { libc::dlsym(library, name.as_ptr().cast::<c_char>()) };
    (!address.is_null()).then_some(address)
}

/// How many bytes the variable at this address has.
fn size_of_symbol(address: *mut c_void) -> Option<usize> {
    let mut info = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    let mut entry = ptr::null_mut::<c_void>();
    // SAFETY: writes the two results only.
    let found = unsafe { dladdr1(address, &raw mut info, &raw mut entry, SYMBOL_ENTRY) };
    if found == 0 || entry.is_null() || info.dli_saddr != address {
        return None;
    }
    // SAFETY: an entry of the symbol table of a library that stays loaded.
    let symbol = unsafe { &*entry.cast::<Symbol>() };
    usize::try_from(symbol.size).ok()
}
