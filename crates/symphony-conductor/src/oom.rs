//! Whether the kernel's out-of-memory killer was at work.

use std::fs;
use std::path::Path;

use crate::cgroup::own_group;

/// How often it has been, as far as this process may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OomCount {
    /// On the whole machine.
    machine: Option<u64>,
    /// In the control group of the child.
    group: Option<u64>,
}

impl OomCount {
    /// Reads the counters; `group` is the control group that the child was put in.
    pub(crate) fn read(group: Option<&Path>) -> Self {
        let machine = fs::read_to_string("/proc/vmstat").ok();
        let group = group.map(Path::to_owned).or_else(own_group);
        let events = group.and_then(|group| fs::read_to_string(group.join("memory.events")).ok());
        Self {
            machine: machine.and_then(|text| field(&text, "oom_kill")),
            group: events.and_then(|text| field(&text, "oom_kill")),
        }
    }

    /// Whether it has been at work since `before`. The counter of the machine can only say no: what it killed may have been
    /// another process. `None`: not known.
    pub(crate) fn since(self, before: Self) -> Option<bool> {
        let more = |now: Option<u64>, then: Option<u64>| Some(now? > then?);
        match (more(self.group, before.group), more(self.machine, before.machine)) {
            (Some(true), _) => Some(true),
            (_, Some(false)) => Some(false),
            _ => None,
        }
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_whole_name() {
        let text = "oom 3\noom_kill 4\noom_group_kill 5\n";
        assert_eq!(field(text, "oom_kill"), Some(4));
        assert_eq!(field(text, "kill"), None);
    }

    #[test]
    fn only_the_childs_own_group_can_say_yes() {
        let count = |machine, group| OomCount { machine, group };
        let before = count(Some(1), Some(1));
        assert_eq!(count(Some(2), Some(2)).since(before), Some(true));
        assert_eq!(count(Some(2), Some(1)).since(before), None);
        assert_eq!(count(Some(1), Some(1)).since(before), Some(false));
        assert_eq!(count(Some(2), None).since(before), None);
        assert_eq!(count(None, None).since(before), None);
    }
}
