//! How the operating system shares CPUs between Python's threads and the host's event loop.

/// Asks for shorter turns for the calling thread, at the same share of the CPU: for the thread of an event loop.
///
/// Linux lets a thread that runs end its turn, of some milliseconds, before another one with turns of the same length that woke up
/// meanwhile. Where Python's threads keep all CPUs busy, an event loop would wait so long for each of its timers. A thread with shorter turns
/// runs at once (Linux 6.12 and later; `sched_setattr(2)`, where `sched_runtime` of an ordinary thread is the length of its turns). Threads
/// and processes that the calling thread starts have turns of the usual length. Elsewhere nothing changes.
#[cfg(target_os = "linux")]
pub fn prefer_short_turns() {
    /// The shortest that there are.
    const NANOSECONDS: u64 = 100_000;
    const CALLING_THREAD: libc::pid_t = 0;
    const RESET_ON_FORK: u64 = 1;

    /// `struct sched_attr` in its first version.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let size = u32::try_from(size_of::<Attributes>()).unwrap_or_default();
    let mut attributes = Attributes::default();
    // SAFETY: the system call writes at most `size` bytes to the structure.
    let asked = unsafe { libc::syscall(libc::SYS_sched_getattr, CALLING_THREAD, &raw mut attributes, size, 0) };
    // Whoever chose another policy has reasons.
    if asked != 0 || attributes.policy != libc::SCHED_OTHER.cast_unsigned() {
        return;
    }
    attributes.size = size;
    attributes.flags |= RESET_ON_FORK;
    attributes.runtime = NANOSECONDS;
    // SAFETY: the system call reads the structure; a kernel that refuses it leaves everything as it is.
    unsafe { libc::syscall(libc::SYS_sched_setattr, CALLING_THREAD, &raw const attributes, 0) };
}

/// Other systems have nothing of the kind.
#[cfg(not(target_os = "linux"))]
pub fn prefer_short_turns() {}
