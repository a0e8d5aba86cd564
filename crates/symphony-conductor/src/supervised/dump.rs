//! Stacks on demand: `faulthandler` writes them when SIGUSR2 arrives, also while C code holds the GIL.
//!
//! It does not say when it has finished; a dump is complete when something is there and nothing has been added for a while.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Completion, Delivery, Supervised};
use crate::policy::Time;
use crate::process::Link;

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);
/// Nothing added for so many looks: it is complete.
const QUIET_LOOKS: u32 = 3;

/// A dump under way.
pub(super) struct Dump {
    link: Arc<Link>,
    waiting: Vec<Completion<io::Result<String>>>,
    deadline: Time,
    next_look: Time,
    length: u64,
    quiet: u32,
}

impl Dump {
    pub(super) fn next_look(&self) -> Time {
        self.next_look
    }
}

impl Supervised {
    /// Has a worker write the stacks of all its threads, within `limit`.
    pub(crate) fn dump(&mut self, link: &Arc<Link>, limit: Duration, done: Completion<io::Result<String>>, now: Time) {
        let started = match self.processes.get_mut(&link.worker) {
            Some(process) if process.link.generation == link.generation => {
                let under_way = self
                    .dumps
                    .iter_mut()
                    .find(|dump| dump.link.generation == link.generation);
                if let Some(dump) = under_way {
                    dump.waiting.push(done);
                    return;
                }
                process.ask_for_dump()
            }
            _ => Err(ended()),
        };
        match started {
            Ok(()) => self.dumps.push(Dump {
                link: Arc::clone(link),
                waiting: vec![done],
                deadline: now.saturating_add(limit),
                next_look: now + LOOK,
                length: 0,
                quiet: 0,
            }),
            Err(error) => self.outbox.push(Delivery::Dumped(done, Err(error))),
        }
        self.settle(now);
    }

    pub(super) fn look_at_dumps(&mut self, now: Time) {
        for mut dump in std::mem::take(&mut self.dumps) {
            let process = self.processes.get_mut(&dump.link.worker);
            let Some(process) = process.filter(|process| process.link.generation == dump.link.generation) else {
                self.finish_dump(dump, || Err(ended()));
                continue;
            };
            if now < dump.next_look {
                self.dumps.push(dump);
                continue;
            }
            let length = process.dumped();
            dump.quiet = if length == dump.length { dump.quiet + 1 } else { 0 };
            dump.length = length;
            dump.next_look = now + LOOK;
            if length > 0 && dump.quiet >= QUIET_LOOKS {
                let text = process.take_dump();
                self.finish_dump(dump, || Ok(text.clone()));
            } else if now >= dump.deadline {
                self.finish_dump(dump, || {
                    let message = "the worker did not write its stacks in time; it may be stopped";
                    Err(io::Error::new(io::ErrorKind::TimedOut, message))
                });
            } else {
                self.dumps.push(dump);
            }
        }
    }

    fn finish_dump(&mut self, dump: Dump, result: impl Fn() -> io::Result<String>) {
        self.outbox
            .extend(dump.waiting.into_iter().map(|done| Delivery::Dumped(done, result())));
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the process of this worker has ended")
}
