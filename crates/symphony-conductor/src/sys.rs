//! What the operating system offers below std and rustix: the only file of this crate with `unsafe`.
//!
//! Three things: a process is launched ([`launch`]), reaped ([`reap`]), and memory is shared with it ([`SharedMemory`]).
//! The rest are small: descriptors that were inherited by number, the signal mask of a thread, the end of the process.

use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The first number that no inherited descriptor has: sources of `dup2` lie at or above it, so that none is overwritten
/// before it is copied.
pub(crate) const FIRST_FREE: RawFd = 16;

/// Everything that the new process does before it executes its program, prepared so that nothing allocates there.
pub(crate) struct Launch<'a> {
    /// The path of the program; no search.
    pub(crate) program: &'a CStr,
    /// The arguments, the first is the program's name.
    pub(crate) arguments: &'a [CString],
    /// The whole environment as `NAME=value`.
    pub(crate) environment: &'a [CString],
    /// The working directory; `None` keeps that of this process.
    pub(crate) directory: Option<&'a CStr>,
    /// Which descriptor becomes which number. All sources are at or above [`FIRST_FREE`], all numbers below.
    pub(crate) descriptors: &'a [(RawFd, RawFd)],
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only the child's thread watches it there")
    )]
    /// The number of the descriptor whose hang-up kills the whole process group, where the kernel can do that.
    pub(crate) lifeline: RawFd,
    /// `RLIMIT_*` with the soft and the hard limit.
    pub(crate) limits: &'a [(i64, u64, u64)],
    /// Added to the priority; positive is nicer.
    pub(crate) nice: c_int,
    /// Text for `/proc/self/oom_score_adj`.
    pub(crate) oom_score: Option<&'a [u8]>,
    /// The file `cgroup.procs` of the control group that the process joins.
    pub(crate) cgroup: Option<&'a CStr>,
}

/// A process that was launched.
#[derive(Debug)]
pub(crate) struct Launched {
    /// Its number, which is also that of its process group. Valid until [`reap`] has answered.
    pub(crate) pid: rustix::process::Pid,
    /// Readable when it has ended; `None` where the system has no such thing.
    pub(crate) pidfd: Option<OwnedFd>,
}

/// What the parent and the new process share while one waits for the other.
struct Shared<'a, 'b> {
    launch: &'a Launch<'b>,
    program: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    #[cfg(target_os = "linux")]
    parent: c_int,
    /// The step that failed and its error number; empty as long as nothing has.
    failure: Option<(&'static str, c_int)>,
}

/// Starts a process in a process group of its own, with default signal dispositions and an empty signal mask, and returns
/// when it executes its program.
///
/// # Errors
/// What failed on the way there, in the parent or in the new process; then there is no process.
pub(crate) fn launch(launch: &Launch<'_>) -> io::Result<Launched> {
    let pointers = |texts: &[CString]| -> Vec<*const c_char> {
        texts
            .iter()
            .map(|text| text.as_ptr())
            .chain([std::ptr::null()])
            .collect()
    };
    let (arguments, environment) = (pointers(launch.arguments), pointers(launch.environment));
    let mut shared = Shared {
        launch,
        program: launch.program.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        #[cfg(target_os = "linux")]
        parent: rustix::process::getpid().as_raw_nonzero().get(),
        failure: None,
    };
    // No handler of this process may run in the new one while both have the same memory.
    let _blocked = BlockedSignals::all();
    let launched = split(&mut shared)?;
    match shared.failure {
        None => Ok(launched),
        Some((step, number)) => {
            // It ends by itself at once; nobody else knows of it, so waiting for it ends.
            let _status = wait_for(launched.pid, 0);
            let error = io::Error::from_raw_os_error(number);
            Err(io::Error::new(error.kind(), format!("{step}: {error}")))
        }
    }
}

/// `vfork` by hand, as `posix_spawn` does it: the new process borrows this one's memory, and this thread sleeps until it
/// executes its program. So a large parent costs nothing, and no page of it is copied because of a child.
#[cfg(target_os = "linux")]
fn split(shared: &mut Shared<'_, '_>) -> io::Result<Launched> {
    const STACK: usize = 64 * 1024;
    extern "C" fn begin(argument: *mut std::ffi::c_void) -> c_int {
        // SAFETY: `clone` passes on the address of `shared`, which this process alone uses until it executes or ends.
        let shared = unsafe { &mut *argument.cast::<Shared<'_, '_>>() };
        shared.failure = Some(become_program(shared));
        127
    }
    // Words of 16 bytes, because the stack of a function must be aligned so.
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: `begin` runs on `stack`, which stays alive because CLONE_VFORK suspends this thread until the new process has
    // left it.
    let pid = unsafe { libc::clone(begin, top.cast(), flags, std::ptr::from_mut(shared).cast()) };
    let Some(pid) = rustix::process::Pid::from_raw(pid).filter(|_| pid > 0) else {
        return Err(io::Error::last_os_error());
    };
    // Only this thread reaps it, so the number is its own. Not there before Linux 5.3.
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
    Ok(Launched { pid, pidfd })
}

/// `fork`, with a pipe that says what failed: closed by the execution of the program.
#[cfg(not(target_os = "linux"))]
fn split(shared: &mut Shared<'_, '_>) -> io::Result<Launched> {
    use std::io::Read;
    let (reader, writer) = rustix::pipe::pipe()?;
    // Out of the way of the numbers that the new process fills.
    let writer = rustix::io::fcntl_dupfd_cloexec(&writer, FIRST_FREE)?;
    // SAFETY: the new process only calls functions that POSIX allows between fork and exec, and leaves by exec or `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let (step, number) = become_program(shared);
        let mut message = [0_u8; 128];
        message[..4].copy_from_slice(&number.to_ne_bytes());
        let length = step.len().min(124);
        message[4..4 + length].copy_from_slice(&step.as_bytes()[..length]);
        let _told = rustix::io::write(&writer, &message[..4 + length]);
        exit_at_once(127);
    }
    let Some(pid) = rustix::process::Pid::from_raw(pid).filter(|_| pid > 0) else {
        return Err(io::Error::last_os_error());
    };
    drop(writer);
    let mut message = Vec::new();
    std::fs::File::from(reader).read_to_end(&mut message)?;
    if let Some((number, step)) = message.split_first_chunk::<4>() {
        let step = String::from_utf8_lossy(step).into_owned();
        shared.failure = Some((Box::leak(step.into_boxed_str()), c_int::from_ne_bytes(*number)));
    }
    Ok(Launched { pid, pidfd: None })
}

/// Runs in the new process and returns only if a step failed. Allocates nothing, takes no lock, and calls only functions
/// that are allowed between fork and exec: on Linux it runs in the parent's memory.
fn become_program(shared: &Shared<'_, '_>) -> (&'static str, c_int) {
    let launch = shared.launch;
    macro_rules! step {
        ($name:literal, $done:expr) => {
            if let Err(error) = $done {
                return ($name, error.raw_os_error());
            }
        };
    }
    macro_rules! libc_step {
        // SAFETY (of all uses): the arguments are valid for the call; see each of them.
        ($name:literal, $call:expr) => {
            if $call == -1 {
                return ($name, io::Error::last_os_error().raw_os_error().unwrap_or(0));
            }
        };
    }
    step!("setpgid", rustix::process::setpgid(None, None));
    reset_signals();
    if let Some(directory) = launch.directory {
        step!("chdir", rustix::process::chdir(directory));
    }
    for &(resource, soft, hard) in launch.limits {
        let limit = libc::rlimit {
            rlim_cur: soft,
            rlim_max: hard,
        };
        // SAFETY: `limit` lives over the call.
        libc_step!("setrlimit", unsafe {
            libc::setrlimit(resource.try_into().unwrap_or_default(), &raw const limit)
        });
    }
    if launch.nice != 0 {
        step!("nice", rustix::process::nice(launch.nice));
    }
    if let Some(path) = launch.cgroup {
        step!("cgroup", write_file(path, b"0"));
    }
    if let Some(score) = launch.oom_score {
        // Where there is no /proc, there is nothing to adjust.
        let _adjusted = write_file(c"/proc/self/oom_score_adj", score);
    }
    for &(from, to) in launch.descriptors {
        // SAFETY: two numbers; what `to` was in this process is not used any more.
        libc_step!("dup2", unsafe { libc::dup2(from, to) });
    }
    #[cfg(target_os = "linux")]
    {
        // Whatever the parent has open without close-on-exec. Before Linux 5.11 that stays as it is.
        let first = launch.descriptors.iter().map(|&(_, to)| to).max().unwrap_or(2) + 1;
        // SAFETY: numbers only; the table of descriptors is this process's own (no CLONE_FILES).
        let _closed = unsafe { libc::syscall(libc::SYS_close_range, first, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        if !arm_lifeline(launch.lifeline) {
            step!(
                "prctl",
                rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            );
        }
        // The parent may have ended before that.
        if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(shared.parent) {
            return ("parent", libc::ESRCH);
        }
    }
    let nothing = empty_signal_set();
    // SAFETY: `nothing` lives over the call; no old mask is asked for.
    libc_step!("sigmask", unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, &raw const nothing, std::ptr::null_mut())
    });
    // SAFETY: the three are NUL-terminated texts and null-terminated lists of them that outlive the call.
    libc_step!("exec", unsafe {
        libc::execve(shared.program, shared.arguments, shared.environment)
    });
    ("exec", 0)
}

/// Has the kernel kill this process group when the other end of the lifeline is closed: a parent that dies takes its child
/// along, whatever the child does (it may be stopped, spin in C, or not have come to its own code yet), and the child's
/// children.
///
/// The kernel sends the signal of `F_SETSIG` to the owner of a descriptor with `O_ASYNC` when it has something to read, and
/// a hang-up counts. The better known `PR_SET_PDEATHSIG` is only for where this is refused: it kills the child alone, and
/// before the kernel has closed the lifeline, after which nobody is left for whom its children would be killed.
#[cfg(target_os = "linux")]
fn arm_lifeline(lifeline: RawFd) -> bool {
    const F_SETSIG: c_int = 10;
    let group = -rustix::process::getpid().as_raw_nonzero().get();
    [
        (libc::F_SETOWN, group),
        (F_SETSIG, libc::SIGKILL),
        (libc::F_SETFL, libc::O_ASYNC),
    ]
    .into_iter()
    .all(|(command, value)| {
        // SAFETY: numbers only, on a descriptor of this process.
        unsafe { libc::fcntl(lifeline, command, value) != -1 }
    })
}

fn reset_signals() {
    for number in 1..=64 {
        // SAFETY: all-zero is a valid `sigaction`: default disposition, no flags, empty mask.
        let action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: `action` lives over the call; numbers that cannot be set are refused.
        unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) };
    }
}

fn write_file(path: &CStr, text: &[u8]) -> rustix::io::Result<()> {
    use rustix::fs::{Mode, OFlags};
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text).map(|_| ())
}

fn empty_signal_set() -> libc::sigset_t {
    // SAFETY: all-zero is an empty set on every system that this compiles for.
    unsafe { std::mem::zeroed() }
}

/// The signals of this thread are held back while this lives.
pub(crate) struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    /// All that can be blocked, for the current thread.
    pub(crate) fn all() -> Self {
        Self::all_but(&[])
    }

    /// All but those by which a thread is told of its own mistakes: their handlers write what is known of a crash.
    pub(crate) fn from_outside() -> Self {
        use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
        Self::all_but(&[SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP])
    }

    fn all_but(excepted: &[c_int]) -> Self {
        let (mut blocked, mut before) = (empty_signal_set(), empty_signal_set());
        // SAFETY: a valid set to write to.
        unsafe { libc::sigfillset(&raw mut blocked) };
        for &signal in excepted {
            // SAFETY: as above.
            unsafe { libc::sigdelset(&raw mut blocked, signal) };
        }
        // SAFETY: both sets live over the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const blocked, &raw mut before) };
        Self(before)
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is the one that `all` stored.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// How a process ended, and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reaped {
    /// The exit code, unless a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Whether it left a core dump.
    pub(crate) core_dumped: bool,
    /// The largest resident memory, in bytes.
    pub(crate) max_rss: u64,
    /// Processor time in its own code.
    pub(crate) user_time: Duration,
    /// Processor time in the kernel.
    pub(crate) system_time: Duration,
}

/// Takes the status of a child of this process that has ended. `None`: it runs.
///
/// # Errors
/// `ECHILD` if somebody else has taken it.
pub(crate) fn reap(pid: rustix::process::Pid) -> io::Result<Option<Reaped>> {
    wait_for(pid, libc::WNOHANG)
}

fn wait_for(pid: rustix::process::Pid, options: c_int) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: all-zero is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let answer = loop {
        // SAFETY: both live over the call. The number is positive, so only this one child is waited for.
        let answer = unsafe { libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, options, &raw mut usage) };
        if answer != -1 {
            break answer;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    };
    if answer == 0 {
        return Ok(None);
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs())
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or_default())
    };
    // Linux counts kilobytes, macOS bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok(Some(Reaped {
        code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        core_dumped: libc::WIFSIGNALED(status) && libc::WCOREDUMP(status),
        max_rss: u64::try_from(usage.ru_maxrss).unwrap_or_default() * unit,
        user_time: time(usage.ru_utime),
        system_time: time(usage.ru_stime),
    }))
}

/// A file's memory that several processes have mapped, as words that all of them change atomically.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the mapping is reachable through shared references to atomics only, and belongs to no thread.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Maps the first `words` words of a file that is at least so long and cannot be shortened.
    ///
    /// # Errors
    /// What the system says, or that the file is too short.
    pub(crate) fn map(file: impl AsFd, words: usize) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags};
        let length = words * size_of::<u64>();
        let size = rustix::fs::fstat(&file)?.st_size;
        if u64::try_from(size).unwrap_or_default() < length as u64 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a shared page has {length} bytes, this file has {size}"),
            ));
        }
        // SAFETY: a new mapping at an address of the kernel's choice, of a file of at least this length.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, words })
    }

    /// The words.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: page-aligned memory of this length, mapped until `self` is dropped; any bits are a valid `AtomicU64`,
        // and every process changes them atomically or, if it misbehaves, to other valid words.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: this value made the mapping, and nothing borrows from it any more.
        let _unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.words * size_of::<u64>()) };
    }
}

/// Takes over a descriptor that this process inherited under `number`, and sets close-on-exec.
///
/// Each number can be taken over once: the caller proves that nobody else owns it, by an announcement that it consumes.
///
/// # Errors
/// There is no such descriptor.
pub(crate) fn inherit(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a number only.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, by the call above, and the announcement says that it is ours.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Ends this process without running anything of it: also right while another thread is in the middle of something.
pub(crate) fn exit_at_once(code: c_int) -> ! {
    // SAFETY: always allowed.
    unsafe { libc::_exit(code) }
}

/// Whether `descriptor` is still what this process made of it; `false` if somebody has closed it behind our back.
pub(crate) fn is_open(descriptor: &OwnedFd) -> bool {
    // SAFETY: a number only.
    unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFD) != -1 }
}

/// All bytes of a file in memory, shared with whoever else has mapped it. Nothing here reads or writes them.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: an address and a length, which belong to no thread; whoever uses the memory answers for that.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps so many bytes, of which the file must have at least that many for as long as this lives.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of(file: impl AsFd, bytes: usize) -> io::Result<Self> {
        // All of it will be used, and its pages one by one would cost several times as much.
        #[cfg(target_os = "linux")]
        let flags = rustix::mm::MapFlags::SHARED | rustix::mm::MapFlags::POPULATE;
        #[cfg(not(target_os = "linux"))]
        let flags = rustix::mm::MapFlags::SHARED;
        Self::with(file, bytes, flags)
    }

    /// As [`of`](Self::of), but a page is not there before somebody uses it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn as_used(file: impl AsFd, bytes: usize) -> io::Result<Self> {
        Self::with(file, bytes, rustix::mm::MapFlags::SHARED)
    }

    fn with(file: impl AsFd, bytes: usize, flags: rustix::mm::MapFlags) -> io::Result<Self> {
        if bytes == 0 {
            return Ok(Self {
                start: NonNull::dangling(),
                bytes,
            });
        }
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                rustix::mm::ProtFlags::READ | rustix::mm::ProtFlags::WRITE,
                flags,
                file,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: the mapping of `of`, which nobody uses any more.
            let _unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.bytes) };
        }
    }
}
