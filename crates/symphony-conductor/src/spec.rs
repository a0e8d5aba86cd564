//! What a Conductor starts, and by which rules.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::output::LineRate;
use crate::policy::{BackoffRule, HealthRule, Intensity, RecyclingRule, RestartPolicy, StopPlan};

/// What a Conductor starts, and by which rules it keeps it running. [`Spec::new`] has the defaults.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Spec {
    /// The program: a path, from this process's directory when the Conductor is made, or a name that is looked for in the
    /// child's `PATH`.
    pub executable: PathBuf,
    /// Its arguments, without the program's name. Default: none.
    pub args: Vec<OsString>,
    /// Its environment variables. Default: those of this process when the Conductor is made.
    pub env: Variables,
    /// Its working directory. Default: that of this process.
    pub cwd: Option<PathBuf>,
    /// What it may use. Default: see [`Limits`].
    pub limits: Limits,
    /// Where its standard output goes. Default: [`Stdio::Capture`]. Standard input is empty.
    pub stdout: Stdio,
    /// Where its standard error goes. Default: [`Stdio::Capture`].
    pub stderr: Stdio,
    /// How many captured lines become events. Default: see [`LineRate`].
    pub line_rate: LineRate,
    /// Workers that serve. Default: 1.
    pub size: u32,
    /// Workers that are ready and held back, to take the place of one that dies. Default: 0.
    pub standby: u32,
    /// When a worker that ended is started again. Default: unless it ended cleanly.
    pub restart: RestartPolicy,
    /// Which other workers are restarted with it. Default: none.
    pub strategy: Strategy,
    /// How many restarts are too many. Default: more than 5 in 60 s for each worker.
    pub intensity: Intensity,
    /// How long to wait before a restart. Default: see [`BackoffRule`].
    pub backoff: BackoffRule,
    /// How long a worker may take until it says that it is ready. Default: 30 s.
    pub startup_timeout: Duration,
    /// When a worker that gives no sign is reported or killed. Default: see [`HealthRule`].
    pub health: HealthRule,
    /// How long the phases of a stop take. Default: see [`StopPlan`].
    pub stop: StopPlan,
    /// When a worker is replaced that has served enough. Default: never.
    pub recycling: RecyclingRule,
}

impl Spec {
    /// A Conductor for this program, with the defaults.
    pub fn new(executable: impl Into<PathBuf>) -> Self {
        Self {
            executable: executable.into(),
            args: Vec::new(),
            env: Variables::default(),
            cwd: None,
            limits: Limits::default(),
            stdout: Stdio::Capture,
            stderr: Stdio::Capture,
            line_rate: LineRate::default(),
            size: 1,
            standby: 0,
            restart: RestartPolicy::default(),
            strategy: Strategy::default(),
            intensity: Intensity::default(),
            backoff: BackoffRule::default(),
            startup_timeout: Duration::from_secs(30),
            health: HealthRule::default(),
            stop: StopPlan::default(),
            recycling: RecyclingRule::default(),
        }
    }

    /// Takes from this process what it needs of it, so that a restart gives the same child as the start, and the supervisor's
    /// thread does not read the environment while another thread may be changing it.
    pub(crate) fn settle(&mut self) -> std::io::Result<()> {
        if let Variables::Inherit(changes) = &self.env {
            let mut variables: BTreeMap<_, _> = std::env::vars_os().collect();
            for (name, value) in changes {
                match value {
                    Some(value) => variables.insert(name.clone(), value.clone()),
                    None => variables.remove(name),
                };
            }
            self.env = Variables::Only(variables.into_iter().collect());
        }
        // A name without a slash is looked for in `PATH`.
        if self.executable.components().count() > 1 {
            self.executable = std::path::absolute(&self.executable)?;
        }
        if let Some(directory) = &self.cwd {
            self.cwd = Some(std::path::absolute(directory)?);
        }
        Ok(())
    }

    /// What is wrong with it: `what was expected, what was got`.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.executable.as_os_str().is_empty() {
            return Some("`executable` is empty, expected a path or a name".to_owned());
        }
        if self.size == 0 {
            return Some("`size` is 0, expected at least one worker".to_owned());
        }
        let total = self.size.saturating_add(self.standby);
        if total > 1024 {
            return Some(format!(
                "`size` and `standby` are {total} together, expected at most 1024"
            ));
        }
        if self.health.interval.is_zero() {
            return Some("`health.interval` is 0, expected a time".to_owned());
        }
        if self.startup_timeout.is_zero() {
            return Some("`startup_timeout` is 0, expected a time".to_owned());
        }
        None
    }
}

/// The environment variables of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variables {
    /// Those of this process when the Conductor is made, with these set, or with `None` left out.
    Inherit(Vec<(OsString, Option<OsString>)>),
    /// These and no others.
    Only(Vec<(OsString, OsString)>),
}

impl Default for Variables {
    fn default() -> Self {
        Self::Inherit(Vec::new())
    }
}

/// Where an output of a child goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdio {
    /// It is read here: its end is kept for the exit report, its lines are events.
    #[default]
    Capture,
    /// To where that of this process goes.
    Inherit,
    /// Nowhere.
    Null,
}

/// Which workers are restarted when one dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Only that one.
    #[default]
    OneForOne,
    /// That one and those that were started after it.
    RestForOne,
}

/// What a child may use. Set between fork and exec.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Address space, in bytes (`RLIMIT_AS`). Default: as this process.
    pub address_space: Option<u64>,
    /// Processor time (`RLIMIT_CPU`), in whole seconds. Default: as this process.
    pub cpu_time: Option<Duration>,
    /// Open descriptors (`RLIMIT_NOFILE`). Default: as this process.
    pub open_files: Option<u64>,
    /// Size of a core dump, in bytes (`RLIMIT_CORE`); 0 for none. Default: as this process.
    pub core_dump: Option<u64>,
    /// Added to the priority of this process; positive is nicer. Default: 0.
    pub nice: i32,
    /// What the kernel adds to the badness of the process when it is out of memory (Linux), from -1000 to 1000.
    /// Default: 300, so that a child goes before its parent.
    pub oom_score_adj: i32,
    /// The directory of a control group (Linux, version 2) that the child joins, with the limits that it has. Default: that
    /// of this process.
    pub cgroup: Option<PathBuf>,
    /// Memory of the child and all that it starts, in bytes (`memory.max`). Each child gets a control group of its own for that, in
    /// [`Limits::cgroup`] or that of this process, which must pass the memory controller on; where that is not so, it is not started.
    /// Default: no limit.
    pub memory_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_space: None,
            cpu_time: None,
            open_files: None,
            core_dump: None,
            nice: 0,
            oom_score_adj: 300,
            cgroup: None,
            memory_max: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_overlaid_or_replaced() {
        let settled = |env| {
            let mut spec = Spec {
                env,
                ..Spec::new("name")
            };
            spec.settle().unwrap();
            let Variables::Only(variables) = spec.env else {
                panic!("they are settled")
            };
            variables
        };
        let change = |name: &str, value: Option<&str>| (name.into(), value.map(OsString::from));
        let overlaid = settled(Variables::Inherit(vec![change("PATH", None), change("NEW", Some("1"))]));
        assert!(overlaid.iter().all(|(name, _)| name != "PATH"));
        assert!(overlaid.contains(&("NEW".into(), "1".into())));
        assert_eq!(
            settled(Variables::Only(vec![("A".into(), "b".into())])),
            [("A".into(), "b".into())]
        );
    }

    #[test]
    fn paths_are_those_of_now_and_names_stay_names() {
        let settled = |executable: &str| {
            let mut spec = Spec::new(executable);
            spec.settle().unwrap();
            spec.executable
        };
        assert_eq!(settled("python3"), PathBuf::from("python3"));
        assert_eq!(
            settled("bin/python3"),
            std::env::current_dir().unwrap().join("bin/python3")
        );
    }

    #[test]
    fn what_cannot_be_is_said_with_what_was_expected() {
        let problem = |change: &dyn Fn(&mut Spec)| {
            let mut spec = Spec::new("python3");
            change(&mut spec);
            spec.problem()
        };
        assert_eq!(problem(&|_| {}), None);
        let none = problem(&|spec| spec.size = 0).unwrap();
        assert_eq!(none, "`size` is 0, expected at least one worker");
        let many = problem(&|spec| (spec.size, spec.standby) = (1000, 25)).unwrap();
        assert_eq!(many, "`size` and `standby` are 1025 together, expected at most 1024");
        assert!(
            problem(&|spec| spec.executable = PathBuf::new())
                .unwrap()
                .contains("`executable`")
        );
    }
}
