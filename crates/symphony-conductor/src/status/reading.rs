//! Puts a status together: the last snapshot of a group, the health pages, and `/proc`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Status, WorkerStatus};
use crate::group::WorkerView;
use crate::lifecycle::State;
use crate::metrics::{Metric, gauge};
use crate::policy::{HealthLevel, Time};
use crate::process::{Link, Vitals};
use crate::spec::Spec;
use crate::supervised::Shared;
use crate::supervisor::now;

impl Status {
    /// What is known of a group.
    pub(crate) fn read(spec: &Spec, shared: &Shared) -> Self {
        let snapshot = shared.snapshot().clone();
        let mut counters = shared.counters().clone();
        counters.output += snapshot.output.0;
        counters.dropped_lines += snapshot.output.1;
        let now = now();
        let views = snapshot.workers.into_iter();
        let workers: Vec<_> = views
            .map(|(view, link)| WorkerStatus::read(spec, view, link.as_ref(), now))
            .collect();
        let mut metrics = counters.metrics();
        metrics.extend(workers.iter().flat_map(WorkerStatus::metrics));
        let mut states = BTreeMap::<_, f64>::new();
        for worker in &workers {
            *states.entry(worker.state.name()).or_default() += 1.0;
        }
        for (state, count) in states {
            metrics.push(gauge(
                "symphony.conductor.workers",
                "{worker}",
                ("state", state.to_owned()),
                count,
            ));
        }
        let queue = *shared.queue();
        Self {
            state: snapshot.state,
            workers,
            queue,
            last_exits: snapshot.exits,
            metrics,
        }
    }
}

impl WorkerStatus {
    fn read(spec: &Spec, view: WorkerView, link: Option<&Arc<Link>>, now: Time) -> Self {
        let judged = view.state.serves() || view.state == State::Standby;
        let health = match link {
            Some(link) if judged => spec.health.judge(link.page.pulse()).level,
            _ => HealthLevel::Healthy,
        };
        let vitals = link.and_then(|link| Vitals::read(link.pid));
        Self {
            id: view.id,
            generation: link.map(|link| link.generation),
            state: view.state,
            spare: view.spare,
            pid: link.map(|link| link.pid),
            uptime: link.map(|link| now.saturating_sub(link.started)),
            restarts: view.restarts,
            restart_in: view.restart_at.map(|time| time.saturating_sub(now)),
            health,
            rss: vitals.map(|vitals| vitals.rss),
            cpu_time: vitals.map(|vitals| vitals.cpu_time),
            threads: vitals.map(|vitals| vitals.threads),
            open_files: vitals.and_then(|vitals| vitals.descriptors),
            task: link.and_then(|link| link.page.longest_task()),
            tasks_ended: link.map_or(0, |link| link.page.tasks_ended()),
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let number = |value: Option<u64>| value.map(|value| value as f64);
        let readings = [
            ("process.memory.usage", "By", number(self.rss)),
            ("process.uptime", "s", self.uptime.map(|time| time.as_secs_f64())),
            (
                "process.cpu.time",
                "s",
                self.cpu_time.map(|(user, system)| (user + system).as_secs_f64()),
            ),
            ("process.thread.count", "{thread}", number(self.threads)),
            (
                "process.unix.file_descriptor.count",
                "{file_descriptor}",
                number(self.open_files),
            ),
        ];
        let known = readings
            .into_iter()
            .filter_map(|(name, unit, value)| Some((name, unit, value?)));
        known
            .map(|(name, unit, value)| gauge(name, unit, ("worker", self.id.to_string()), value))
            .collect()
    }
}
