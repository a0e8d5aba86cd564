//! The keeper: the thread that does for a domain what nobody waits for. It gives signs of life, clears up after dead
//! processes, and lets the components do what is due.
//!
//! It sleeps on a word of shared memory, its doorbell, which any process can ring.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Shared;
use crate::atomic::Ordering;
use crate::error::{PitError, Result};
use crate::time::Mono;

/// How often readers that died are removed from the stores.
const READER_CHECK: Duration = Duration::from_secs(1);

/// A component that has things to do at times of its own.
pub(crate) trait Attendant: Send + Sync {
    /// Does what is due. Gives when it wants to be called again; it is called earlier, too.
    fn attend(&self, now: Mono) -> Option<Mono>;
    /// The domain is being left.
    fn end(&self);
}

type Attendants = Arc<Mutex<Vec<Weak<dyn Attendant>>>>;

pub(crate) struct Keeper {
    shared: Arc<Shared>,
    attendants: Attendants,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Keeper")
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    pub(crate) fn start(shared: Arc<Shared>, beat: Duration) -> Result<Self> {
        let (attendants, stop) = (Attendants::default(), Arc::new(AtomicBool::new(false)));
        let watch = Watch {
            shared: Arc::clone(&shared),
            attendants: Arc::clone(&attendants),
            stop: Arc::clone(&stop),
            beat,
        };
        let thread = std::thread::Builder::new()
            .name("pit-keeper".into())
            .spawn(move || watch.keep())
            .map_err(|error| PitError::io("start the keeper of", &shared.folder, error))?;
        Ok(Self {
            shared,
            attendants,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn attend(&self, attendant: Weak<dyn Attendant>) {
        let mut attendants = self.attendants.lock().unwrap_or_else(PoisonError::into_inner);
        attendants.retain(|known| known.strong_count() > 0);
        attendants.push(attendant);
        drop(attendants);
        self.shared.ring(self.shared.place);
    }

    /// Stops the thread, and tells the components that it is over.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.shared.ring(self.shared.place);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last reference to a domain may be dropped by the keeper itself.
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _panicked = thread.join();
        }
        for attendant in present(&self.attendants) {
            attendant.end();
        }
    }
}

fn present(attendants: &Attendants) -> Vec<Arc<dyn Attendant>> {
    // Not called under the lock: what an attendant does may add another.
    let attendants = attendants.lock().unwrap_or_else(PoisonError::into_inner);
    attendants.iter().filter_map(Weak::upgrade).collect()
}

/// The thread's side.
struct Watch {
    shared: Arc<Shared>,
    attendants: Attendants,
    stop: Arc<AtomicBool>,
    beat: Duration,
}

impl Watch {
    fn keep(&self) {
        let (mut next_beat, mut next_check) = (Mono(0), Mono(0));
        while !self.stop.load(Ordering::SeqCst) {
            let Some(bell) = self.shared.map.doorbell(self.shared.place) else {
                return;
            };
            // Read before anything is looked at: what rings later ends the sleep at once.
            let heard = bell.load(Ordering::SeqCst);
            let now = self.shared.now();
            if now >= next_beat {
                next_beat = now.after(self.beat);
                self.shared
                    .map
                    .process(self.shared.place)
                    .beat()
                    .store(now.0, Ordering::Relaxed);
                // A process that cannot be cleared up after now can be at the next beat; there is nobody to tell.
                let _later = self.shared.reclaim_dead();
            }
            if now >= next_check {
                next_check = now.after(READER_CHECK);
                let _later = self.shared.run.clear_stale_readers();
                let _later = self.shared.keep.clear_stale_readers();
            }
            let due = present(&self.attendants)
                .iter()
                .filter_map(|attendant| attendant.attend(now))
                .min()
                .map_or(next_beat, |due| due.min(next_beat));
            sleep(bell, heard, due.since(Mono::now()));
        }
    }
}

/// Sleeps until the bell is rung, for `time` at most.
#[cfg(target_os = "linux")]
fn sleep(bell: &AtomicU32, heard: u32, time: Duration) {
    use rustix::thread::futex;
    let time = rustix::fs::Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    };
    // Rung, interrupted, too late or rung before: all the same to the caller, which looks anyway.
    let _woken = futex::wait(bell, futex::Flags::empty(), heard, Some(&time));
}

/// Wakes whoever sleeps on a bell, in any process.
#[cfg(target_os = "linux")]
pub(crate) fn wake(bell: &AtomicU32) {
    use rustix::thread::futex;
    let _count = futex::wake(bell, futex::Flags::empty(), 1);
}

/// Where no word of shared memory wakes another process, the keeper looks every millisecond.
#[cfg(not(target_os = "linux"))]
fn sleep(bell: &AtomicU32, heard: u32, time: Duration) {
    let until = std::time::Instant::now() + time;
    while bell.load(Ordering::SeqCst) == heard && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn wake(_bell: &AtomicU32) {}
