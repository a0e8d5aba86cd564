//! A control group (Linux, version 2) of its own for each process whose memory is limited.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fs, process};

use crate::spec::Limits;

/// The group that a process joins when it starts.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    directory: PathBuf,
    /// It was made for the process, and goes with it.
    own: bool,
}

/// Groups that could not be removed yet, because something of a process that was killed was still there.
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl ControlGroup {
    /// The group that the limits call for, if they do: one that is there, or a new one in it.
    pub(crate) fn of(limits: &Limits) -> io::Result<Option<Self>> {
        let Some(bytes) = limits.memory_max else {
            return Ok(limits.cgroup.clone().map(|directory| Self { directory, own: false }));
        };
        let Some(parent) = limits.cgroup.clone().or_else(own_group) else {
            return Err(unsupported("this process is in no control group of version 2"));
        };
        pass_on_memory(&parent)?;
        let group = Self::new(&parent).map_err(|error| at(&parent, "no group can be made in it", &error))?;
        let file = group.directory.join("memory.max");
        fs::write(&file, bytes.to_string()).map_err(|error| at(&file, "it cannot be set", &error))?;
        // What is out of memory ends as a whole; older kernels have no such file.
        let _older = fs::write(group.directory.join("memory.oom.group"), "1");
        Ok(Some(group))
    }

    fn new(parent: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        remove_left();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = parent.join(format!("symphony-{}-{number}", process::id()));
        fs::create_dir(&directory)?;
        Ok(Self { directory, own: true })
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        if !self.own {
            return;
        }
        // What has left the process group of the worker is still in here.
        let _older = fs::write(self.directory.join("cgroup.kill"), "1");
        left().push(std::mem::take(&mut self.directory));
        remove_left();
    }
}

fn remove_left() {
    left().retain(|directory| {
        let removed = fs::remove_dir(directory);
        removed.is_err_and(|error| error.kind() == ErrorKind::ResourceBusy)
    });
}

fn left() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees to it that groups in `parent` can limit memory.
fn pass_on_memory(parent: &Path) -> io::Result<()> {
    let has_memory = |name: &str| -> io::Result<(bool, String)> {
        let file = parent.join(name);
        let text = fs::read_to_string(&file).map_err(|error| at(&file, "it cannot be read", &error))?;
        let found = text.split_whitespace().any(|controller| controller == "memory");
        Ok((found, text.trim().to_owned()))
    };
    let (is_there, controllers) = has_memory("cgroup.controllers")?;
    if !is_there {
        let parent = parent.display();
        return Err(unsupported(&format!(
            "the control group `{parent}` has no memory controller, only: {controllers}"
        )));
    }
    if !has_memory("cgroup.subtree_control")?.0 {
        let file = parent.join("cgroup.subtree_control");
        fs::write(&file, "+memory").map_err(|error| {
            at(
                &file,
                "memory cannot be limited in it; name a group by `cgroup` that has no processes and is this user's",
                &error,
            )
        })?;
    }
    Ok(())
}

/// The directory of this process's control group, version 2.
pub(crate) fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // Beside groups of version 1 those of version 2 have a place of their own.
    let mounted = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    mounted
        .into_iter()
        .map(|root| Path::new(root).join(path))
        .find(|group| group.join("cgroup.procs").exists())
}

fn unsupported(problem: &str) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, format!("`memory_max`: {problem}"))
}

fn at(path: &Path, problem: &str, error: &io::Error) -> io::Error {
    let path = path.display();
    io::Error::new(error.kind(), format!("`memory_max`: `{path}`: {problem}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that looks like a control group.
    fn look_alike(name: &str, controllers: &str, passed_on: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("symphony-cgroup-{}-{name}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup.controllers"), controllers).unwrap();
        fs::write(directory.join("cgroup.subtree_control"), passed_on).unwrap();
        directory
    }

    fn limits(cgroup: &Path, memory_max: Option<u64>) -> Limits {
        Limits {
            cgroup: Some(cgroup.to_owned()),
            memory_max,
            ..Limits::default()
        }
    }

    #[test]
    fn each_process_gets_a_group_of_its_own_with_the_limit() {
        let parent = look_alike("own", "cpu memory\n", "");
        let group = ControlGroup::of(&limits(&parent, Some(1 << 20))).unwrap().unwrap();
        let other = ControlGroup::of(&limits(&parent, Some(1 << 20))).unwrap().unwrap();
        assert_ne!(group.directory(), other.directory());
        let read = |path: PathBuf| fs::read_to_string(path).unwrap();
        assert_eq!(read(group.directory().join("memory.max")), "1048576");
        assert_eq!(read(group.directory().join("memory.oom.group")), "1");
        assert_eq!(read(parent.join("cgroup.subtree_control")), "+memory");
        drop((group, other));
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    fn one_that_is_named_is_joined_and_stays() {
        let parent = look_alike("named", "", "");
        let group = ControlGroup::of(&limits(&parent, None)).unwrap().unwrap();
        assert_eq!(group.directory(), parent);
        drop(group);
        assert!(parent.exists());
        fs::remove_dir_all(parent).unwrap();
        assert!(ControlGroup::of(&Limits::default()).unwrap().is_none());
    }

    #[test]
    fn where_memory_cannot_be_limited_the_error_says_why() {
        let parent = look_alike("without", "hugetlb pids\n", "");
        let error = ControlGroup::of(&limits(&parent, Some(1))).unwrap_err();
        let expected = format!(
            "`memory_max`: the control group `{}` has no memory controller, only: hugetlb pids",
            parent.display()
        );
        assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Unsupported));
        fs::remove_dir_all(&parent).unwrap();
        let error = ControlGroup::of(&limits(&parent, Some(1))).unwrap_err();
        assert!(
            error.to_string().contains("cgroup.controllers`: it cannot be read: "),
            "{error}"
        );
    }
}
