//! What happened to a worker, as an event with all that is known of it, and as a number.

use std::sync::Arc;

use super::{Delivery, Supervised};
use crate::event::{Event, EventKind};
use crate::group::{Happening, WorkerId};
use crate::output::{Line, Stream};
use crate::policy::Time;

impl Supervised {
    pub(super) fn report(&mut self, id: WorkerId, happening: Happening, now: Time) {
        let link = self.processes.get(&id).map(|process| Arc::clone(&process.link));
        let (exit, error) = self.ends.get(&id).cloned().unwrap_or_default();
        let took = link
            .as_ref()
            .map_or(Time::ZERO, |link| now.saturating_sub(link.started));
        let process = link.as_ref().map(|link| (link.pid, link.generation));
        let process = process.or_else(|| exit.as_ref().map(|exit| (exit.pid, exit.generation)));
        let mut counters = self.shared.counters();
        let kind = match happening {
            Happening::State { from, to, cause } => EventKind::State { from, to, cause },
            Happening::Started => {
                counters.start.record(took);
                EventKind::Started { took }
            }
            Happening::Restarted { attempt } => {
                counters.restarts += u64::from(attempt > 0);
                counters.start.record(took);
                if let Some(death) = self.deaths.remove(&id) {
                    counters.recovery.record(now.saturating_sub(death));
                }
                EventKind::Restarted { attempt, took }
            }
            Happening::Stopped => match exit {
                Some(exit) => EventKind::Stopped { exit },
                None => return,
            },
            Happening::Died { restart_in } => {
                if restart_in.is_some() {
                    self.deaths.insert(id, now);
                }
                EventKind::Died {
                    exit,
                    error,
                    restart_in,
                }
            }
            Happening::RestartFailed { restart_in } => {
                if exit.is_some() {
                    counters.start_failures += 1;
                }
                EventKind::RestartFailed {
                    exit,
                    error,
                    restart_in,
                }
            }
            Happening::GivenUp => {
                counters.crash_loops += 1;
                self.deaths.remove(&id);
                EventKind::GivenUp {
                    last_exits: self.exits.iter().cloned().collect(),
                }
            }
            Happening::Health { from, to } => {
                let task = link.and_then(|link| link.page.longest_task());
                EventKind::Health { from, to, task }
            }
            Happening::Recycling(reason) => {
                counters.recycled += 1;
                EventKind::Recycling { reason }
            }
            Happening::Promoted => {
                counters.promoted += 1;
                // The place that has been empty for the longest time is the one that is taken.
                let longest = self
                    .deaths
                    .iter()
                    .min_by_key(|(_, death)| **death)
                    .map(|(&dead, _)| dead);
                if let Some(death) = longest.and_then(|dead| self.deaths.remove(&dead)) {
                    counters.recovery.record(now.saturating_sub(death));
                }
                EventKind::Promoted
            }
        };
        drop(counters);
        self.outbox.push(Delivery::Event(Event::new(id, process, kind)));
    }
}

/// The event of a line.
pub(super) fn line_event(id: WorkerId, process: (u32, u64), stream: Stream, line: Line) -> Delivery {
    let kind = EventKind::Line {
        stream,
        text: line.text,
        dropped: line.dropped,
    };
    Delivery::Event(Event::new(id, Some(process), kind))
}
