//! What a process is when its program begins.

use std::time::Duration;

use symphony_conductor::{Spec, StartError, Stdio, Variables};

use crate::fixture::Fixture;

/// What a shell prints about itself before it ends with the code of a failed start.
fn say(script: &str, change: impl FnOnce(&mut Spec)) -> String {
    let mut spec = Spec::new("sh");
    spec.args = vec!["-c".into(), format!("{script}; exit 3").into()];
    change(&mut spec);
    let Err(error) = Fixture::try_start(spec) else {
        panic!("a shell is no worker")
    };
    let StartError::Failed { exit: Some(exit), .. } = error else {
        panic!("{error}")
    };
    exit.stdout_tail.clone()
}

#[test]
fn it_has_its_limits() {
    let script = "ulimit -n; ulimit -v; ulimit -t; ulimit -c; nice; cat /proc/self/oom_score_adj";
    let said = say(script, |spec| {
        spec.limits.open_files = Some(99);
        spec.limits.address_space = Some(1 << 30);
        spec.limits.cpu_time = Some(Duration::from_secs(7));
        spec.limits.core_dump = Some(0);
        spec.limits.nice = 3;
    });
    let nice = rustix::process::getpriority_process(None).unwrap() + 3;
    assert_eq!(said, format!("99\n1048576\n7\n0\n{nice}\n300\n"));
}

#[test]
fn it_has_its_directory_variables_and_arguments() {
    let said = say("pwd; echo $1 $A $SYMPHONY_CONDUCTOR", |spec| {
        spec.cwd = Some("/".into());
        spec.args.extend(["sh".into(), "one two".into()]);
        spec.env = Variables::Only(vec![("A".into(), "b".into()), ("PATH".into(), "/bin:/usr/bin".into())]);
    });
    let parent = std::process::id();
    let announced = format!("1,parent={parent},worker=0,control=3,lifeline=4,page=5,faults=6");
    assert_eq!(said, format!("/\none two b {announced}\n"));
}

#[test]
fn it_inherits_its_seven_descriptors_and_no_others() {
    // One that this process forgot to close at exec.
    let open = std::fs::File::open("/dev/zero").unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let said = say("ls -l /proc/$$/fd; cat", |_| {});
    let numbers: Vec<_> = said.lines().filter(|line| line.contains(" -> ")).collect();
    let kinds = [
        "0 -> /dev/null",
        "1 -> pipe:",
        "2 -> pipe:",
        "3 -> socket:",
        "4 -> pipe:",
        "5 -> /memfd:",
        "6 -> /memfd:",
    ];
    assert_eq!(numbers.len(), kinds.len(), "{said}");
    assert!(
        numbers.iter().zip(kinds).all(|(number, kind)| number.contains(kind)),
        "{said}"
    );
}

#[test]
fn it_has_default_signals_and_a_group_of_its_own() {
    let said = say(
        "grep -E '^Sig(Blk|Ign)' /proc/self/status; cut -d' ' -f1,5 /proc/$$/stat",
        |_| {},
    );
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "SigBlk:\t0000000000000000", "{said}");
    // Rust ignores SIGPIPE, and so does Node; a child must not. The two above the standard ones are the C library's own,
    // which lets nobody set them.
    let ignored = u64::from_str_radix(lines[1].trim_start_matches("SigIgn:\t"), 16).unwrap();
    assert_eq!(ignored & !(0b11 << 31), 0, "{said}");
    let (pid, group) = lines[2].split_once(' ').unwrap();
    assert_eq!(pid, group);
}

#[test]
fn what_cannot_be_set_is_an_error_that_says_what() {
    let error = |change: &dyn Fn(&mut Spec)| {
        let mut spec = Spec::new("/bin/sh");
        change(&mut spec);
        let Err(error) = Fixture::try_start(spec) else {
            panic!("it started")
        };
        error.to_string()
    };
    let prefix = "`/bin/sh` could not be started:";
    let directory = error(&|spec| spec.cwd = Some("/no/such/directory".into()));
    assert_eq!(
        directory,
        format!("{prefix} chdir: No such file or directory (os error 2)")
    );
    let group = error(&|spec| spec.limits.cgroup = Some("/no/such/group".into()));
    assert_eq!(
        group,
        format!("{prefix} cgroup: No such file or directory (os error 2)")
    );
    let program = error(&|spec| spec.executable = "/etc/passwd".into());
    assert_eq!(
        program,
        "`/etc/passwd` could not be started: exec: Permission denied (os error 13)"
    );
}

#[test]
fn outputs_can_go_nowhere() {
    let said = say("readlink /proc/$$/fd/2", |spec| spec.stderr = Stdio::Null);
    assert_eq!(said, "/dev/null\n");
}
