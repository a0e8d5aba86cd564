//! The processes that are attached: each has a place in the map and a locked file in `live/`.
//!
//! The lock says who lives: it goes with the process, however that ends, and a number that the system gives to another
//! process has another start time and so another file. Whoever holds a dead process's lock clears up after it alone.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::Lock;
use super::hot_map::{Counter, HotMap, Reclaimed};
use super::layout::PROCESS_COUNT;
use crate::atomic::Ordering;
use crate::error::{PitCode, PitError, Result};
use crate::ids::ProcessSlot;
use crate::time::Mono;

const FREE: u64 = 0;
const JOINING: u64 = 1;
const ATTACHED: u64 = 2;
const LEAVING: u64 = 3;

/// Which process: its number and when it started, in units of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) start: u64,
}

impl Process {
    pub(crate) fn this() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start: start_time(pid).unwrap_or_default(),
        }
    }

    fn file(self, folder: &Path) -> PathBuf {
        folder.join("live").join(format!("{}-{}", self.pid, self.start))
    }

    /// Whether it runs, as far as its number and start say. For a process whose file somebody has removed.
    fn seems_alive(self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
            && start_time(self.pid).is_none_or(|start| start == self.start)
    }
}

/// When a process started, in ticks since the start of the machine.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may contain anything, also `)`.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// A process that is attached, as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its place.
    pub slot: ProcessSlot,
    /// Its number in the system.
    pub pid: u32,
    /// Since when it is attached.
    pub attached: Mono,
    /// When its keeper last gave a sign; every tenth of a second.
    pub beat: Mono,
}

/// This process's membership.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) place: u16,
    file: PathBuf,
    alive: Lock,
}

/// Locks this process's file, before it opens anything else of the domain.
pub(crate) fn lock_live_file(folder: &Path, process: Process) -> Result<Lock> {
    let file = process.file(folder);
    Lock::try_take(&file)?.ok_or_else(|| {
        PitError::domain(
            PitCode::AlreadyExists,
            format!(
                "this process ({}) is attached to `{}` already, through another copy of the library; \
                 two copies in one process would break each other's locks",
                process.pid,
                folder.display()
            ),
        )
    })
}

fn incarnation(word: u64) -> u64 {
    word >> 8
}

fn state(word: u64) -> u64 {
    word & 0xff
}

fn word(incarnation: u64, state: u64) -> u64 {
    incarnation << 8 | state
}

impl Membership {
    /// Takes a place. The caller holds the domain's lock, so nobody else does.
    pub(crate) fn join(map: &HotMap, folder: &Path, process: Process, alive: Lock) -> Result<Self> {
        let now = Mono::now();
        for place in places() {
            let cell = map.process(place);
            let before = cell.state().load(Ordering::SeqCst);
            if state(before) != FREE {
                continue;
            }
            cell.state().store(word(incarnation(before), JOINING), Ordering::SeqCst);
            cell.pid().store(process.pid.into(), Ordering::Relaxed);
            cell.started().store(process.start, Ordering::Relaxed);
            cell.beat().store(now.0, Ordering::Relaxed);
            cell.attached().store(now.0, Ordering::Relaxed);
            cell.state()
                .store(word(incarnation(before), ATTACHED), Ordering::SeqCst);
            return Ok(Self {
                place,
                file: process.file(folder),
                alive,
            });
        }
        Err(PitError::domain(
            PitCode::ResourceExhausted,
            format!(
                "`{}` has {PROCESS_COUNT} processes attached, and no place for one more",
                folder.display()
            ),
        ))
    }

    /// Gives everything back that this process has, and its place. What is left is the lock, to be kept until the stores are
    /// closed: until then another copy of the library must not open them.
    pub(crate) fn leave(self, map: &HotMap) -> Left {
        let cell = map.process(self.place);
        let before = cell.state().load(Ordering::SeqCst);
        cell.state().store(word(incarnation(before), LEAVING), Ordering::SeqCst);
        map.reclaim(self.place, |_| {});
        cell.state()
            .store(word(incarnation(before) + 1, FREE), Ordering::SeqCst);
        Left {
            file: self.file,
            _alive: self.alive,
        }
    }
}

/// The lock of a process that has left.
#[derive(Debug)]
pub(crate) struct Left {
    file: PathBuf,
    _alive: Lock,
}

impl Drop for Left {
    fn drop(&mut self) {
        // While it is locked: who opens it now finds it gone, or no longer named in the map.
        let _gone = fs::remove_file(&self.file);
    }
}

fn places() -> impl Iterator<Item = u16> {
    (0..u16::MAX).take(PROCESS_COUNT)
}

/// The processes that are attached.
pub(crate) fn list(map: &HotMap) -> Vec<ProcessInfo> {
    places()
        .filter(|&place| state(map.process(place).state().load(Ordering::SeqCst)) == ATTACHED)
        .map(|place| {
            let cell = map.process(place);
            ProcessInfo {
                slot: ProcessSlot(place),
                pid: u32::try_from(cell.pid().load(Ordering::Relaxed)).unwrap_or_default(),
                attached: Mono(cell.attached().load(Ordering::Relaxed)),
                beat: Mono(cell.beat().load(Ordering::Relaxed)),
            }
        })
        .collect()
}

/// Frees places that were taken by processes that died in [`Membership::join`]. The caller holds the domain's lock.
pub(crate) fn clear_unfinished(map: &HotMap) {
    for place in places() {
        let cell = map.process(place).state();
        let before = cell.load(Ordering::SeqCst);
        if state(before) == JOINING {
            cell.store(word(incarnation(before) + 1, FREE), Ordering::SeqCst);
        }
    }
}

/// What a dead process had loaded.
pub(crate) use super::hot_map::DeadInstance;

/// Clears up after every process that has died. Gives what was taken from them; `own` is not looked at.
pub(crate) fn bury_dead(
    map: &HotMap,
    folder: &Path,
    own: Option<u16>,
    mut on_death: impl FnMut(DeadInstance),
) -> Result<Vec<(ProcessSlot, Reclaimed)>> {
    let mut buried = Vec::new();
    for place in places().filter(|&place| Some(place) != own) {
        let cell = map.process(place);
        let before = cell.state().load(Ordering::SeqCst);
        if !matches!(state(before), ATTACHED | LEAVING) {
            continue;
        }
        let process = Process {
            pid: u32::try_from(cell.pid().load(Ordering::Relaxed)).unwrap_or_default(),
            start: cell.started().load(Ordering::Relaxed),
        };
        let file = process.file(folder);
        if !file.exists() && process.seems_alive() {
            continue;
        }
        let Some(_lock) = Lock::try_take(&file)? else { continue };
        if cell.state().load(Ordering::SeqCst) != before {
            // Somebody else has cleared up, or the process has left, between the first look and the lock.
            remove_if_unused(map, &file, process);
            continue;
        }
        let reclaimed = map.reclaim(place, &mut on_death);
        map.count(Counter::Reclaimed, reclaimed.leases);
        map.count(Counter::DeadProcesses, 1);
        cell.state()
            .store(word(incarnation(before) + 1, FREE), Ordering::SeqCst);
        let _gone = fs::remove_file(&file);
        buried.push((ProcessSlot(place), reclaimed));
    }
    Ok(buried)
}

/// Trying the lock of a process that has left makes its file anew. Names are never used twice, so nobody wants it.
fn remove_if_unused(map: &HotMap, file: &Path, process: Process) {
    let named = places().any(|place| {
        let cell = map.process(place);
        state(cell.state().load(Ordering::SeqCst)) != FREE
            && cell.pid().load(Ordering::Relaxed) == u64::from(process.pid)
            && cell.started().load(Ordering::Relaxed) == process.start
    });
    if !named {
        let _gone = fs::remove_file(file);
    }
}

/// Whether a process other than this one holds its live file.
pub(crate) fn others_live(folder: &Path, this: Process) -> Result<bool> {
    let live = folder.join("live");
    let own = this.file(folder);
    let entries = fs::read_dir(&live).map_err(|error| PitError::io("list", &live, error))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path == own {
            continue;
        }
        match Lock::try_take(&path)? {
            None => return Ok(true),
            Some(_dead) => drop(fs::remove_file(&path)),
        }
    }
    Ok(false)
}
