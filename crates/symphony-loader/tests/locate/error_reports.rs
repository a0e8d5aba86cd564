//! What people read when no Python can be used: the whole text, for each way it can go wrong.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

use crate::interpreters;
use crate::world::World;
use symphony_loader::locate::locate;
use symphony_loader::remedy::Packages;
use symphony_loader::request::Request;

/// The lines of the sources before the search path, when nothing is set.
const NOTHING_SET: &str = "- VIRTUAL_ENV: not set
- .venv: none in `~/work` or a folder above it
- conda: `CONDA_PREFIX` is not set
";

#[test]
fn no_python_at_all() {
    let world = World::new();
    let (code, tried, fix) = world.problem(&world.locate(&[]));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        format!("no Python was found; tried, in this order:\n{NOTHING_SET}- PATH: is empty")
    );
    let expected = match Packages::of_linux(&fs::read_to_string("/etc/os-release").unwrap_or_default()) {
        Packages::Apt => "apt install python3 libpython3-dev",
        Packages::Dnf => "dnf install python3",
        Packages::Apk => "apk add python3",
        _ => return,
    };
    assert_eq!(fix.as_deref(), Some(expected));
}

#[test]
fn only_commands_of_other_names_on_the_path() {
    let world = World::new();
    world.script("bin/python2", "exit 0");
    let (code, tried, _) = world.problem(&world.locate(&[("PATH", &world.text("bin"))]));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert!(
        tried.ends_with("- PATH: has no `python3` or `python` in its only folder"),
        "{tried}"
    );
}

#[test]
fn only_python_2() {
    let world = World::new();
    world.script(
        "bin/python",
        &format!(
            "[ \"$1\" = -I ] && {{ echo 'Unknown option: -I' >&2; exit 2; }}\nexec '{}'",
            world.answering("python2", "pyenv-2.7").display()
        ),
    );
    let (code, tried, fix) = world.problem(&world.locate(&[("PATH", &world.text("bin"))]));
    assert_eq!(code, "ERR_PYTHON_UNSUPPORTED");
    assert_eq!(
        tried,
        format!(
            "no Python was found that can be embedded; tried, in this order:\n{NOTHING_SET}\
             - PATH: `~/bin/python` is CPython 2.7.18, and 3.10 is the oldest that can be embedded"
        )
    );
    assert!(fix.is_some());
}

#[test]
fn an_option_that_is_too_old() {
    let world = World::new();
    world.answering("python3", "debian-3.9");
    let (code, tried, fix) = world.problem(&world.locate_option(&world.text("python3")));
    assert_eq!(code, "ERR_PYTHON_UNSUPPORTED");
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/python3` is CPython 3.9.18, and 3.10 is the oldest that can be embedded"
    );
    assert!(fix.is_some());
}

#[test]
fn an_option_is_never_replaced_by_another_python() {
    let world = World::new();
    world.link("bin/python3", interpreters::one().path);
    let mut request = Request {
        python: Some(String::from("missing/python")),
        ..world.request()
    };
    request.env.insert(String::from("PATH"), world.text("bin"));
    let (code, tried, fix) = world.problem(&locate(&request));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/work/missing/python` does not exist"
    );
    assert_eq!(fix, None);
}

#[test]
fn an_environment_whose_interpreter_is_gone_is_not_replaced_by_another_python() {
    let world = World::new();
    world.link("bin/python3", interpreters::one().path);
    world.file("work/.venv/pyvenv.cfg", "home = /gone\n");
    world.link("work/.venv/bin/python", "python3");
    world.link("work/.venv/bin/python3", world.path("gone/python3.12"));
    let (code, tried, fix) = world.problem(&world.locate(&[("PATH", &world.text("bin"))]));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        "the virtual environment of this folder cannot be used; tried, in this order:\n\
         - VIRTUAL_ENV: not set\n\
         - .venv: `~/work/.venv` is broken: its `bin/python` links to `~/gone/python3.12`, which does not exist"
    );
    assert_eq!(fix.as_deref(), Some("python3 -m venv --clear ~/work/.venv"));
}

#[test]
fn a_virtual_env_that_was_removed() {
    let world = World::new();
    let (code, tried, fix) = world.problem(&world.locate(&[("VIRTUAL_ENV", &world.text("removed"))]));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        "the virtual environment that `VIRTUAL_ENV` names cannot be used; tried, in this order:\n\
         - VIRTUAL_ENV: `~/removed` is not a folder"
    );
    assert_eq!(fix.as_deref(), Some("python3 -m venv --clear ~/removed"));
}

#[test]
fn an_environment_that_does_not_start() {
    let world = World::new();
    world.file("broken/pyvenv.cfg", "home = /gone\n");
    world.script("broken/bin/python", "echo 'Fatal Python error: no codec' >&2; exit 1");
    let (_, tried, fix) = world.problem(&world.locate_option(&world.text("broken")));
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/broken` is not a working Python: it ended with exit code 1 and said `Fatal Python error: no codec`"
    );
    assert_eq!(fix.as_deref(), Some("python3 -m venv --clear ~/broken"));
}

#[test]
fn a_folder_without_python() {
    let world = World::new();
    world.folder("work/empty");
    let (code, tried, _) = world.problem(&world.locate_option("empty"));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/work/empty` has no Python in it: there is no `bin/python3` or `bin/python`"
    );
}

#[test]
fn a_file_that_is_no_program() {
    let world = World::new();
    world.file("work/notes.txt", "hello");
    let (_, tried, _) = world.problem(&world.locate_option("notes.txt"));
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/work/notes.txt` cannot be started: Permission denied (os error 13)"
    );
}

#[test]
fn a_program_that_is_not_python() {
    let world = World::new();
    world.script("garbage", "echo 'usage: garbage [file]'; exit 3");
    let (code, tried, fix) = world.problem(&world.locate_option(&world.text("garbage")));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/garbage` is not a working Python: it ended with exit code 3 and said `usage: garbage [file]`"
    );
    assert_eq!(fix, None);
}

#[test]
fn a_program_that_talks_without_end() {
    let world = World::new();
    world.script("endless", "while :; do echo 'and another thing'; done");
    let (_, tried, _) = world.problem(&world.locate_option(&world.text("endless")));
    assert!(tried.contains("is not a working Python"), "{tried}");
    assert!(tried.len() < 1000, "the talk is repeated only in part: {tried}");
}

#[test]
fn a_program_that_hangs_is_stopped_with_everything_it_started() {
    let world = World::new();
    let pipe = world.path("alive");
    let name = CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: the name is NUL-terminated and outlives the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    // What the script starts holds the pipe open as long as it lives.
    world.script("hanging", &format!("exec 3>'{}'; sleep 600 & wait", pipe.display()));
    let watcher = thread::spawn({
        let pipe = pipe.clone();
        move || File::open(pipe).unwrap().read_to_end(&mut Vec::new()).unwrap()
    });

    let mut request = Request {
        python: Some(world.text("hanging")),
        probe_limit: Some(300),
        ..world.request()
    };
    request.env.insert(String::from("PATH"), String::from("/usr/bin:/bin"));
    let (code, tried, _) = world.problem(&locate(&request));
    assert_eq!(code, "ERR_PYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        "the Python that the `python` option names cannot be embedded; tried, in this order:\n\
         - option: `~/hanging` did not answer within 300 ms and was stopped"
    );
    // If it was stopped before it opened the pipe, the watcher still waits for somebody to do so.
    drop(
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&pipe),
    );
    watcher.join().unwrap();
}

#[test]
fn a_python_without_its_library_is_told_apart_and_comes_before_an_old_one() {
    let world = World::new();
    world.answering("old/python3", "debian-3.9");
    world.answering("bin/python3", "pyenv-static");
    let path = format!("{}:{}", world.text("old"), world.text("bin"));
    let report = world.locate(&[("PATH", &path)]);
    let (code, tried, _) = world.problem(&report);
    assert_eq!(code, "ERR_LIBPYTHON_NOT_FOUND");
    assert_eq!(
        tried,
        format!(
            "no Python was found that can be embedded; tried, in this order:\n{NOTHING_SET}\
             - PATH: `~/old/python3` is CPython 3.9.18, and 3.10 is the oldest that can be embedded\n\
             - PATH: `~/bin/python3` is CPython 3.12.4 without a shared library (it was built without --enable-shared): \
             there is no `/home/ada/.pyenv/versions/3.12.4/lib/libpython3.12.so.1.0`"
        )
    );
    // It runs, only not in this process.
    assert_eq!(report.chosen.unwrap().version, "3.12.4");
}
