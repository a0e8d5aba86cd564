//! What is remembered, for how long, and that nothing goes wrong when the memory is damaged or shared.

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::interpreters;
use crate::world::World;
use symphony_loader::locate::locate;
use symphony_loader::request::{CachePlace, Request};

/// A request for the environment of this test, with a cache.
fn remembered(world: &World) -> Request {
    world.environment("work/.venv", &interpreters::one().path);
    Request {
        cache: CachePlace::Folder(world.path("cache")),
        ..world.request()
    }
}

fn cached(request: &Request) -> bool {
    let report = locate(request);
    report.chosen.unwrap_or_else(|| panic!("{:?}", report.problem)).cached
}

fn entries(world: &World) -> Vec<PathBuf> {
    fs::read_dir(world.path("cache"))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn the_second_search_asks_nobody_and_says_the_same() {
    let world = World::new();
    let request = remembered(&world);
    let first = locate(&request);
    let mut second = locate(&request);
    let chosen = second.chosen.as_mut().unwrap();
    assert!(chosen.cached);
    chosen.cached = false;
    assert_eq!(first, second);
    assert_eq!(entries(&world).len(), 1);
}

#[test]
fn nothing_is_written_without_a_cache() {
    let world = World::new();
    let request = Request {
        cache: CachePlace::None,
        ..remembered(&world)
    };
    assert!(!cached(&request));
    assert!(!cached(&request));
    assert!(entries(&world).is_empty());
}

#[test]
fn another_time_of_the_interpreter_or_of_its_environment_ends_it() {
    let world = World::new();
    let source = interpreters::one().path;
    let request = remembered(&world);
    assert!(!cached(&request));
    assert!(cached(&request));

    let configuration = world.path("work/.venv/pyvenv.cfg");
    let later = SystemTime::now() + Duration::from_secs(60);
    File::options()
        .append(true)
        .open(&configuration)
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert!(!cached(&request));
    assert!(cached(&request));

    // The environment now leads to another file.
    let link = world.path("work/.venv/bin/python");
    fs::remove_file(&link).unwrap();
    let copy = world.script("copy", &format!("exec '{}' \"$@\"", source.display()));
    std::os::unix::fs::symlink(copy, &link).unwrap();
    assert!(!cached(&request));
}

#[test]
fn damaged_and_foreign_entries_are_ignored_and_replaced() {
    let world = World::new();
    let request = remembered(&world);
    assert!(!cached(&request));
    let entry = entries(&world).remove(0);
    let text = fs::read_to_string(&entry).unwrap();
    let damages = [
        String::new(),
        String::from("{"),
        text[..text.len() / 2].to_owned(),
        text.replace("\"format\":1", "\"format\":0"),
        text.replace(".venv", ".other"),
        text.replace("\"stamps\":[", "\"stamps\":[],\"was\":["),
    ];
    for damage in damages {
        fs::write(&entry, &damage).unwrap();
        assert!(!cached(&request), "{damage}");
        assert!(cached(&request), "{damage}");
    }
}

#[test]
fn writers_at_the_same_time_leave_one_whole_entry() {
    let world = World::new();
    let request = remembered(&world);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(locate(&request).ok));
        }
    });
    assert!(cached(&request));
    let names: Vec<_> = entries(&world)
        .into_iter()
        .filter(|path| path.extension().is_none_or(|e| e != "json"))
        .collect();
    assert!(names.is_empty(), "left over: {names:?}");
}

#[test]
fn a_cache_that_cannot_be_written_costs_only_time() {
    let world = World::new();
    let request = Request {
        cache: CachePlace::Folder(world.file("occupied", "a file")),
        ..remembered(&world)
    };
    assert!(!cached(&request));
    assert!(!cached(&request));
}

#[test]
fn an_interpreter_that_cannot_be_used_is_asked_again() {
    let world = World::new();
    world.answering("python3", "debian-3.9");
    let request = Request {
        python: Some(world.text("python3")),
        cache: CachePlace::Folder(world.path("cache")),
        ..world.request()
    };
    assert!(!locate(&request).ok);
    assert!(entries(&world).is_empty());
}

#[test]
fn a_launcher_is_not_taken_for_the_interpreter_it_chose() {
    let world = World::new();
    world.script(
        "launcher",
        &format!("exec '{}' \"$@\"", interpreters::one().path.display()),
    );
    let request = Request {
        python: Some(world.text("launcher")),
        cache: CachePlace::Folder(world.path("cache")),
        ..world.request()
    };
    assert!(!cached(&request));
    assert!(!cached(&request));
}

#[test]
fn a_pyenv_shim_is_remembered_by_what_it_stands_for() {
    let world = World::new();
    world.pyenv(&["3.11.7", "3.12.9"]);
    let search = |version: &str| {
        let mut request = Request {
            cache: CachePlace::Folder(world.path("cache")),
            ..world.request()
        };
        request.env.insert(String::from("PATH"), world.text("pyenv/shims"));
        request.env.insert(String::from("PYENV_VERSION"), version.to_owned());
        let chosen = locate(&request).chosen.unwrap();
        assert_eq!(chosen.prefix, world.text(&format!("pyenv/versions/{version}")));
        chosen.cached
    };
    let versions = ["3.11.7", "3.12.9", "3.11.7", "3.12.9"];
    assert_eq!(versions.map(search), [false, false, true, true]);
}
