//! A process that runs: what it says, what it writes, and what is left of it when it has ended.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::cgroup::ControlGroup;
use crate::control::{Control, Poll, ToParent};
use crate::exit::{BootError, Circumstances, Demand, ExitReport};
use crate::group::WorkerId;
use crate::health_page::HealthPage;
use crate::oom::OomCount;
use crate::output::{Line, Output, Stream};
use crate::policy::{StopPhase, Time, Usage};
use crate::spawn::Spawned;
use crate::spec::Spec;
use crate::sys;

/// How much is read of one stream before others have their turn.
const TURN: usize = 256 * 1024;

/// How many messages are taken before others have their turn.
const MESSAGES: u32 = 64;

/// How much is read of a stream after its process has ended: what is in the pipe, and no more if somebody else writes on.
const REST: usize = 1024 * 1024;

/// How much of what `faulthandler` wrote is kept.
const FAULTS: u64 = 256 * 1024;

/// How many tasks an exit report has.
const LAST_TASKS: usize = 8;

/// What others than the supervisor's thread use of a process.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) worker: WorkerId,
    pub(crate) pid: u32,
    /// Which process of its worker it is: numbers of processes are used again, these are not.
    pub(crate) generation: u64,
    pub(crate) started: Time,
    pub(crate) control: Control,
    pub(crate) page: HealthPage,
    pub(crate) used: AtomicBool,
    /// How it ended, when it has.
    pub(crate) exit: OnceLock<Arc<ExitReport>>,
}

/// A process, on the supervisor's thread.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) link: Arc<Link>,
    pid: Pid,
    pidfd: Option<OwnedFd>,
    lifeline: OwnedFd,
    faults: File,
    stdout: Pipe,
    stderr: Pipe,
    boot_error: Option<BootError>,
    oom_before: OomCount,
    group: Option<ControlGroup>,
    /// Whether the child's end of the control socket is open.
    pub(crate) control_open: bool,
    /// Somebody else has taken its status, so its number may be another's.
    reaped_elsewhere: bool,
}

#[derive(Debug)]
struct Pipe {
    file: Option<File>,
    output: Output,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Exit,
    Control,
    Output(Stream),
}

impl Process {
    pub(crate) fn new(spawned: Spawned, spec: &Spec, worker: WorkerId, generation: u64, now: Time) -> Self {
        let pid = spawned.launched.pid;
        let pipe = |file| Pipe {
            file,
            output: Output::new(spec.line_rate, now),
        };
        let group = spawned.group;
        Self {
            pid,
            pidfd: spawned.launched.pidfd,
            lifeline: spawned.lifeline,
            faults: spawned.faults,
            stdout: pipe(spawned.stdout),
            stderr: pipe(spawned.stderr),
            boot_error: None,
            oom_before: OomCount::read(group.as_ref().map(ControlGroup::directory)),
            group,
            control_open: true,
            reaped_elsewhere: false,
            link: Arc::new(Link {
                worker,
                pid: pid.as_raw_nonzero().get().unsigned_abs(),
                generation,
                started: now,
                control: spawned.control,
                page: spawned.page,
                used: AtomicBool::new(false),
                exit: OnceLock::new(),
            }),
        }
    }

    /// What to wait for.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>)> {
        let outputs = [(Stream::Stdout, &self.stdout), (Stream::Stderr, &self.stderr)];
        let outputs = outputs
            .into_iter()
            .filter_map(|(stream, pipe)| pipe.file.as_ref().map(|file| (Source::Output(stream), file.as_fd())));
        let exit = self.pidfd.as_ref().map(|pidfd| (Source::Exit, pidfd.as_fd()));
        let control = self.control_open.then(|| (Source::Control, self.link.control.as_fd()));
        exit.into_iter().chain(control).chain(outputs)
    }

    /// Its process group.
    pub(crate) fn group(&self) -> Pid {
        self.pid
    }

    /// Whether its end wakes who waits for [`Source::Exit`]; otherwise somebody has to look.
    pub(crate) fn wakes(&self) -> bool {
        self.pidfd.is_some()
    }

    /// Takes what it has said; the answer is whether it is ready.
    pub(crate) fn hear(&mut self) -> bool {
        let mut ready = false;
        for _ in 0..MESSAGES {
            match self.link.control.poll_for_parent() {
                Poll::Message(ToParent::Ready) => ready = true,
                Poll::Message(ToParent::BootFailed(error)) => self.boot_error = Some(error),
                Poll::Unknown => {}
                Poll::Nothing => break,
            }
        }
        ready
    }

    /// Reads what it has written, and calls `each` with every line of it. A stream that has ended is closed.
    pub(crate) fn read(&mut self, stream: Stream, now: Time, each: &mut dyn FnMut(Line)) {
        self.pipe(stream).read(TURN, now, each);
    }

    fn pipe(&mut self, stream: Stream) -> &mut Pipe {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Sends the signal of this phase. The number is its own until [`Process::bury`] has succeeded.
    pub(crate) fn signal(&self, phase: StopPhase) {
        let signal = match phase {
            StopPhase::Drain => return,
            StopPhase::Terminate => Signal::TERM,
            StopPhase::Abort => Signal::ABORT,
            StopPhase::Kill => {
                self.kill_group();
                return;
            }
        };
        // It has ended already if this fails.
        let _sent = rustix::process::kill_process(self.pid, signal);
        // A stopped process would get it only when it goes on.
        let _sent = rustix::process::kill_process(self.pid, Signal::CONT);
    }

    fn kill_group(&self) {
        let _sent = rustix::process::kill_process_group(self.pid, Signal::KILL);
        // In case it has left its group.
        let _sent = rustix::process::kill_process(self.pid, Signal::KILL);
    }

    /// Asks for the stacks of all its threads; [`Process::dumped`] says when they are there.
    ///
    /// # Errors
    /// It has not said that it understands.
    pub(crate) fn ask_for_dump(&mut self) -> io::Result<()> {
        if !self.link.page.dumps() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this worker has not set up `faulthandler` for SIGUSR2 (yet), which would end it",
            ));
        }
        self.forget_faults()?;
        rustix::process::kill_process(self.pid, Signal::USR2)?;
        Ok(())
    }

    /// How much it has written to its fault file.
    pub(crate) fn dumped(&self) -> u64 {
        self.faults.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Takes what it has written to its fault file.
    pub(crate) fn take_dump(&mut self) -> String {
        let text = self.faults_text();
        let _emptied = self.forget_faults();
        text
    }

    /// The child writes where this file's position is: both have the same open file.
    fn forget_faults(&mut self) -> io::Result<()> {
        self.faults.set_len(0)?;
        self.faults.seek(SeekFrom::Start(0))?;
        Ok(())
    }

    fn faults_text(&self) -> String {
        let length = self.dumped().min(FAULTS);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = self.faults.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// What it has used.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            tasks: self.link.page.tasks_ended(),
            rss: resident_memory(self.link.pid).unwrap_or(0),
        }
    }

    /// Bytes that it wrote, and lines that were left out of events.
    pub(crate) fn output_figures(&self) -> (u64, u64) {
        let (out, error) = (&self.stdout.output, &self.stderr.output);
        (out.bytes + error.bytes, out.lines_dropped + error.lines_dropped)
    }

    /// Whether it has ended, and waits to be reaped.
    pub(crate) fn has_ended(&mut self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match rustix::process::waitid(WaitId::Pid(self.pid), options) {
            Ok(status) => status.is_some(),
            Err(error) => {
                self.reaped_elsewhere = error == rustix::io::Errno::CHILD;
                self.reaped_elsewhere
            }
        }
    }

    /// Takes what is left of a process that has ended: its last words and lines, its status, and what it leaves behind.
    pub(crate) fn bury(
        mut self,
        demand: (Option<Demand>, bool),
        was_ready: bool,
        now: Time,
        each: &mut dyn FnMut(Stream, Line),
    ) -> ExitReport {
        self.hear();
        // Its number, and so that of its group, is nobody else's before it is reaped.
        if !self.reaped_elsewhere {
            self.kill_group();
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            let pipe = self.pipe(stream);
            pipe.read(REST, now, &mut |line| each(stream, line));
            pipe.output.finish(now, &mut |line| each(stream, line));
        }
        let status = sys::reap(self.pid).ok().flatten();
        let (code, signal) = status.map_or((None, None), |status| (status.code, status.signal));
        let oom_kill = (signal == Some(9) && !demand.1)
            .then(|| OomCount::read(self.group.as_ref().map(ControlGroup::directory)).since(self.oom_before))
            .flatten();
        let circumstances = Circumstances {
            demand: demand.0,
            signalled: demand.1,
            was_ready,
            boot_failed: self.boot_error.is_some(),
            lifeline_lost: !sys::is_open(&self.lifeline),
            oom_kill,
        };
        let traceback = self.faults_text();
        let mut last_tasks = self.link.page.tasks();
        last_tasks.truncate(LAST_TASKS);
        ExitReport {
            pid: self.link.pid,
            generation: self.link.generation,
            reason: circumstances.reason(code, signal),
            code,
            signal,
            core_dumped: status.is_some_and(|status| status.core_dumped),
            oom_kill,
            uptime: now.saturating_sub(self.link.started),
            was_ready,
            max_rss: status.map_or(0, |status| status.max_rss),
            user_time: status.map_or(Duration::ZERO, |status| status.user_time),
            system_time: status.map_or(Duration::ZERO, |status| status.system_time),
            boot_error: self.boot_error,
            last_tasks,
            stdout_tail: self.stdout.output.tail(),
            stderr_tail: self.stderr.output.tail(),
            python_traceback: (!traceback.is_empty()).then_some(traceback),
        }
    }
}

/// Reaps what a worker that has ended left behind, where it became this process's: it was in the worker's group, has been
/// killed, and this process is the first of its container, or has asked for orphans. Whether some of it is still there.
pub(crate) fn reap_strays(group: Pid) -> bool {
    loop {
        match rustix::process::waitid(WaitId::Pgid(Some(group)), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            // As a rule there is none.
            Err(_) => return false,
        }
    }
}

impl Pipe {
    fn read(&mut self, limit: usize, now: Time, each: &mut dyn FnMut(Line)) {
        let mut buffer = [0; 16 * 1024];
        let mut total = 0;
        while total < limit {
            let Some(file) = &mut self.file else { return };
            match file.read(&mut buffer) {
                Ok(0) => self.file = None,
                Ok(length) => {
                    self.output.take(&buffer[..length], now, each);
                    total += length;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.file = None,
            }
        }
    }
}

/// What the system says about a process. For reading in between, [`resident_memory`] costs less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vitals {
    /// Resident memory in bytes.
    pub(crate) rss: u64,
    /// Processor time in its own code and in the kernel.
    pub(crate) cpu_time: (Duration, Duration),
    /// Its threads.
    pub(crate) threads: u64,
    /// Its open descriptors, if this process may see them.
    pub(crate) descriptors: Option<u64>,
}

impl Vitals {
    /// Reads `/proc`.
    #[cfg(target_os = "linux")]
    pub(crate) fn read(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name, which may have any character in it.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<u64> = fields
            .split_ascii_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let time = |used: &u64| Duration::from_millis(used.saturating_mul(1000) / ticks);
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok();
        Some(Self {
            rss: fields.get(21)?.saturating_mul(rustix::param::page_size() as u64),
            cpu_time: (time(fields.get(11)?), time(fields.get(12)?)),
            threads: *fields.get(17)?,
            descriptors: descriptors.map(|entries| entries.count() as u64),
        })
    }

    /// There is no `/proc`.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn read(_pid: u32) -> Option<Self> {
        None
    }
}

/// The resident memory of a process, in bytes.
#[cfg(target_os = "linux")]
fn resident_memory(pid: u32) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// The resident memory of a process: not known on this system.
#[cfg(not(target_os = "linux"))]
fn resident_memory(_pid: u32) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let vitals = Vitals::read(std::process::id()).unwrap();
        let rss = resident_memory(std::process::id()).unwrap();
        assert!(rss / 2 < vitals.rss && vitals.rss / 2 < rss, "{rss} and {vitals:?}");
        assert!(
            vitals.threads >= 1 && vitals.descriptors.is_some_and(|count| count >= 3),
            "{vitals:?}"
        );
        assert_eq!(Vitals::read(u32::MAX), None);
    }
}
