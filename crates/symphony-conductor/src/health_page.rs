//! One page of memory that a child writes and its parent reads, so that asking how it is costs no message and no answer.
//!
//! Words of 64 bits; times are nanoseconds of the monotonic clock, which both processes share. The child may write anything
//! at any time, also nonsense: the parent believes nothing here that could harm it.
//!
//! | word | |
//! |---|---|
//! | 0 | version of this layout |
//! | 1, 2, 3 | last beat: native thread, GIL, event loop; 0 for none |
//! | 4 | flags |
//! | 5, 6 | tasks begun, tasks ended |
//! | 8 + 16 n | slot n of 31: sequence (odd while it is written), task number, begun, ended (0 if it runs), length of the name, name |

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::time::Duration;

use crate::exit::TaskRecord;
use crate::policy::Pulse;
use crate::sys::SharedMemory;

const VERSION: u64 = 1;
const WORDS: usize = 512;
const FIRST_SLOT: usize = 8;
const SLOT_WORDS: usize = 16;
const SLOTS: usize = 31;
const NAME_WORDS: usize = SLOT_WORDS - 5;
const NAME_BYTES: usize = NAME_WORDS * 8;

/// How large the page is, in bytes.
pub(crate) const BYTES: u64 = (WORDS * 8) as u64;

/// Parts of a process that give signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Native = 1,
    Gil = 2,
    EventLoop = 3,
}

const FLAGS: usize = 4;
const BEGUN: usize = 5;
const ENDED: usize = 6;

/// The flag that says that SIGUSR2 writes stacks instead of ending the process.
const DUMPS: u64 = 1;

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let nanoseconds = time.tv_sec.unsigned_abs() * 1_000_000_000;
    nanoseconds + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// The page, from either side.
#[derive(Debug)]
pub(crate) struct HealthPage {
    memory: SharedMemory,
}

impl HealthPage {
    /// Maps a page. The parent makes the file with [`BYTES`] bytes and seals its size.
    pub(crate) fn map(file: impl AsFd) -> io::Result<Self> {
        Ok(Self {
            memory: SharedMemory::map(file, WORDS)?,
        })
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.memory.words()[index]
    }

    /// Says that this side follows this layout; the parent does so when it makes the page.
    pub(crate) fn initialise(&self) {
        self.word(0).store(VERSION, Ordering::Release);
    }

    /// Whether the other side follows this layout.
    pub(crate) fn is_understood(&self) -> bool {
        self.word(0).load(Ordering::Acquire) == VERSION
    }

    pub(crate) fn beat(&self, part: Part) {
        self.word(part as usize).store(now(), Ordering::Relaxed);
    }

    pub(crate) fn set_dumps(&self) {
        self.word(FLAGS).fetch_or(DUMPS, Ordering::Release);
    }

    pub(crate) fn dumps(&self) -> bool {
        self.word(FLAGS).load(Ordering::Acquire) & DUMPS != 0
    }

    /// How long ago each part gave a sign.
    pub(crate) fn pulse(&self) -> Pulse {
        let now = now();
        let silence = |part: Part| match self.word(part as usize).load(Ordering::Relaxed) {
            0 => None,
            beat => Some(Duration::from_nanos(now.saturating_sub(beat))),
        };
        Pulse {
            native: silence(Part::Native),
            gil: silence(Part::Gil),
            event_loop: silence(Part::EventLoop),
        }
    }

    /// Tasks that have ended.
    pub(crate) fn tasks_ended(&self) -> u64 {
        self.word(ENDED).load(Ordering::Relaxed)
    }

    /// The tasks that are known: running ones first, then the newest. For the parent.
    pub(crate) fn tasks(&self) -> Vec<TaskRecord> {
        let now = now();
        let mut tasks: Vec<_> = (0..SLOTS).filter_map(|slot| self.read_slot(slot, now)).collect();
        tasks.sort_by_key(|(begun, task)| (!task.running, std::cmp::Reverse(*begun)));
        tasks.into_iter().map(|(_, task)| task).collect()
    }

    /// The running task that began first.
    pub(crate) fn longest_task(&self) -> Option<TaskRecord> {
        self.tasks()
            .into_iter()
            .filter(|task| task.running)
            .max_by_key(|task| task.duration)
    }

    fn slot(&self, slot: usize) -> &[AtomicU64] {
        &self.memory.words()[FIRST_SLOT + slot * SLOT_WORDS..][..SLOT_WORDS]
    }

    /// A slot that is written meanwhile is tried again a few times; one whose writer died in the middle is left out.
    fn read_slot(&self, slot: usize, now: u64) -> Option<(u64, TaskRecord)> {
        const ATTEMPTS: u32 = 100;
        let words = self.slot(slot);
        for _ in 0..ATTEMPTS {
            let before = words[0].load(Ordering::Acquire);
            if before == 0 {
                return None;
            }
            let copy: [u64; SLOT_WORDS] = std::array::from_fn(|word| words[word].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before % 2 == 1 || words[0].load(Ordering::Relaxed) != before {
                std::hint::spin_loop();
                continue;
            }
            let [_, id, begun, ended, length, name @ ..] = copy;
            let bytes: Vec<u8> = name.iter().flat_map(|word| word.to_le_bytes()).collect();
            let length = usize::try_from(length).unwrap_or(NAME_BYTES).min(NAME_BYTES);
            let until = if ended == 0 { now } else { ended };
            let record = TaskRecord {
                id,
                name: String::from_utf8_lossy(&bytes[..length]).into_owned(),
                duration: Duration::from_nanos(until.saturating_sub(begun)),
                running: ended == 0,
            };
            return Some((begun, record));
        }
        None
    }
}

/// A task that has a place on the page; `None` if there was none left, then it is only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a task that is not ended stays on the page as running"]
pub struct TaskMark(Option<usize>);

impl TaskMark {
    /// It as a small number, for those who keep it in an atomic variable.
    pub fn number(self) -> u32 {
        let slot = self.0.unwrap_or(SLOTS);
        u32::try_from(slot).unwrap_or(u32::MAX)
    }

    /// That of a [`TaskMark::number`].
    pub fn of(number: u32) -> Self {
        Self(usize::try_from(number).ok().filter(|&slot| slot < SLOTS))
    }
}

/// A name as long as the page keeps it, put together without memory of its own.
#[derive(Debug, Clone)]
pub struct TaskName {
    bytes: [u8; NAME_BYTES],
    length: usize,
}

impl Default for TaskName {
    fn default() -> Self {
        Self {
            bytes: [0; NAME_BYTES],
            length: 0,
        }
    }
}

impl TaskName {
    /// Adds text, as much of it as there is room for.
    pub fn push(&mut self, text: &str) {
        let mut room = (NAME_BYTES - self.length).min(text.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.bytes[self.length..self.length + room].copy_from_slice(&text.as_bytes()[..room]);
        self.length += room;
    }

    /// What it is.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// The child's side of the slots: which of them are in use.
#[derive(Debug, Default)]
pub(crate) struct TaskBoard {
    busy: [AtomicBool; SLOTS],
    cursor: AtomicUsize,
}

impl TaskBoard {
    /// Writes down that a task begins.
    pub(crate) fn begin(&self, page: &HealthPage, id: u64, name: &str) -> TaskMark {
        page.word(BEGUN).fetch_add(1, Ordering::Relaxed);
        let first = self.cursor.fetch_add(1, Ordering::Relaxed);
        let free = (0..SLOTS)
            .map(|offset| first.wrapping_add(offset) % SLOTS)
            .find(|&slot| {
                self.busy[slot]
                    .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            });
        let Some(slot) = free else { return TaskMark(None) };
        let mut length = name.len().min(NAME_BYTES);
        while !name.is_char_boundary(length) {
            length -= 1;
        }
        let bytes = &name.as_bytes()[..length];
        write(page.slot(slot), |words| {
            words[1].store(id, Ordering::Relaxed);
            words[2].store(now(), Ordering::Relaxed);
            words[3].store(0, Ordering::Relaxed);
            words[4].store(bytes.len() as u64, Ordering::Relaxed);
            for (word, chunk) in words[5..].iter().zip(bytes.chunks(8)) {
                let mut padded = [0; 8];
                padded[..chunk.len()].copy_from_slice(chunk);
                word.store(u64::from_le_bytes(padded), Ordering::Relaxed);
            }
        });
        TaskMark(Some(slot))
    }

    /// Writes down that a task has ended.
    pub(crate) fn end(&self, page: &HealthPage, mark: TaskMark) {
        page.word(ENDED).fetch_add(1, Ordering::Relaxed);
        if let TaskMark(Some(slot)) = mark {
            write(page.slot(slot), |words| words[3].store(now(), Ordering::Relaxed));
            self.busy[slot].store(false, Ordering::Release);
        }
    }
}

/// Changes a slot so that a reader in the other process notices if it reads meanwhile. One writer a slot.
fn write(words: &[AtomicU64], change: impl FnOnce(&[AtomicU64])) {
    let sequence = words[0].load(Ordering::Relaxed);
    words[0].store(sequence | 1, Ordering::Relaxed);
    fence(Ordering::Release);
    change(words);
    words[0].store((sequence | 1).wrapping_add(1), Ordering::Release);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::spawn::shared_file;

    fn page() -> HealthPage {
        let page = HealthPage::map(shared_file("test", Some(BYTES)).unwrap()).unwrap();
        page.initialise();
        page
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let error = HealthPage::map(shared_file("test", Some(BYTES - 1)).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "a shared page has 4096 bytes, this file has 4095");
    }

    #[test]
    fn both_sides_see_the_same_page() {
        let file = shared_file("test", Some(BYTES)).unwrap();
        let (parent, child) = (HealthPage::map(&file).unwrap(), HealthPage::map(&file).unwrap());
        assert!(!child.is_understood());
        parent.initialise();
        assert!(child.is_understood() && !parent.dumps());
        assert_eq!(parent.pulse(), Pulse::default());
        child.beat(Part::Gil);
        child.set_dumps();
        let pulse = parent.pulse();
        assert!(pulse.gil.is_some() && pulse.native.is_none() && pulse.event_loop.is_none() && parent.dumps());
    }

    #[test]
    fn running_tasks_come_first_and_ended_ones_are_remembered() {
        let (page, board) = (page(), TaskBoard::default());
        let first = board.begin(&page, 1, "first");
        let second = board.begin(&page, 2, &"ö".repeat(100));
        board.end(&page, second);
        let tasks = page.tasks();
        assert_eq!(
            tasks.iter().map(|task| (task.id, task.running)).collect::<Vec<_>>(),
            [(1, true), (2, false)]
        );
        assert_eq!(
            (tasks[0].name.as_str(), tasks[1].name.as_str()),
            ("first", "ö".repeat(44).as_str())
        );
        assert_eq!(page.longest_task().map(|task| task.id), Some(1));
        board.end(&page, first);
        assert_eq!(page.tasks_ended(), 2);
        assert_eq!(page.longest_task(), None);
    }

    #[test]
    fn a_name_ends_between_two_characters() {
        let mut name = TaskName::default();
        name.push(&"a".repeat(NAME_BYTES - 3));
        name.push("öö");
        name.push("b");
        assert_eq!(name.as_str(), format!("{}öb", "a".repeat(NAME_BYTES - 3)));
        let (page, board) = (page(), TaskBoard::default());
        let mark = board.begin(&page, 1, &format!("a{}", "ö".repeat(50)));
        assert_eq!(page.tasks()[0].name, format!("a{}", "ö".repeat(43)));
        assert_eq!(TaskMark::of(mark.number()), mark);
        assert_eq!(TaskMark::of(TaskMark(None).number()), TaskMark(None));
    }

    #[test]
    fn more_tasks_than_places_are_counted() {
        let (page, board) = (page(), TaskBoard::default());
        let marks: Vec<_> = (0..SLOTS as u64 + 2).map(|id| board.begin(&page, id, "many")).collect();
        assert_eq!(page.tasks().len(), SLOTS);
        for mark in marks {
            board.end(&page, mark);
        }
        assert_eq!(page.tasks_ended(), SLOTS as u64 + 2);
    }

    #[test]
    fn a_reader_never_sees_half_of_a_task() {
        let (page, board) = (Arc::new(page()), Arc::new(TaskBoard::default()));
        let names = ["a".repeat(88), "b".repeat(44)];
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (page, board, name) = (Arc::clone(&page), Arc::clone(&board), names[writer].clone());
                thread::spawn(move || {
                    for _ in 0..20_000 {
                        let mark = board.begin(&page, writer as u64, &name);
                        board.end(&page, mark);
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            for task in page.tasks() {
                assert_eq!(task.name, names[usize::try_from(task.id).unwrap()]);
            }
        }
        for writer in writers {
            writer.join().unwrap();
        }
    }
}
