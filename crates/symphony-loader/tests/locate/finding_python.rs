//! The search over real interpreters: which source wins, and what is reported about the one that was chosen.

use std::fs;
use std::process::Command;

use crate::interpreters;
use crate::world::World;
use symphony_loader::pyenv;
use symphony_loader::report::{Outcome, Source};

#[test]
fn every_interpreter_of_this_machine_is_embedded_or_refused_for_its_age() {
    let world = World::new();
    for interpreter in interpreters::all() {
        let path = interpreter.path.to_str().unwrap();
        let report = world.locate_option(path);
        if let Some(library) = interpreter.library() {
            let chosen = report.chosen.unwrap_or_else(|| panic!("{path}: {:?}", report.problem));
            assert!(report.ok);
            assert_eq!(chosen.version, interpreter.version_text());
            assert_eq!(
                fs::canonicalize(chosen.libpython.unwrap()).unwrap(),
                fs::canonicalize(library).unwrap()
            );
            assert_eq!(chosen.source, Source::Option);
            assert_eq!(chosen.executable, path);
            assert_eq!(chosen.prefix, chosen.base_prefix);
            assert!(chosen.openssl.unwrap().starts_with("OpenSSL "));
        } else if interpreter.version < [3, 10, 0] {
            let problem = report.problem.unwrap();
            assert_eq!(problem.code, "ERR_PYTHON_UNSUPPORTED");
            let reason = format!(
                "is CPython {}, and 3.10 is the oldest that can be embedded",
                interpreter.version_text()
            );
            assert_eq!(report.attempts[0].reason, reason);
            assert!(report.chosen.is_none());
        } else {
            assert_eq!(report.problem.unwrap().code, "ERR_LIBPYTHON_NOT_FOUND");
            assert_eq!(report.chosen.unwrap().libpython, None);
        }
    }
}

#[test]
fn a_virtual_environment_is_reported_with_its_own_prefix_and_the_library_of_its_base() {
    for interpreter in interpreters::embeddable() {
        let world = World::new();
        let environment = world.environment("work/environment", &interpreter.path);
        let report = world.locate_option("environment");
        let chosen = report.chosen.unwrap();
        assert_eq!(chosen.prefix, environment.to_str().unwrap());
        assert_eq!(chosen.executable, environment.join("bin/python").to_str().unwrap());
        assert_eq!(
            chosen.real_executable,
            fs::canonicalize(&interpreter.path).unwrap().to_str().unwrap()
        );
        let library = fs::canonicalize(chosen.libpython.unwrap()).unwrap();
        assert_eq!(library, fs::canonicalize(interpreter.library().unwrap()).unwrap());
    }
}

#[test]
fn an_interpreter_inside_a_virtual_environment_stands_for_the_environment() {
    let world = World::new();
    let environment = world.environment("work/environment", &interpreters::one().path);
    let report = world.locate_option("environment/bin/python3");
    let chosen = report.chosen.unwrap();
    assert_eq!(chosen.prefix, environment.to_str().unwrap());
    assert_eq!(chosen.executable, environment.join("bin/python3").to_str().unwrap());
}

#[test]
fn the_sources_are_tried_in_order() {
    let world = World::new();
    let interpreter = interpreters::one().path;
    let named = world.environment("named", &interpreter);
    let project = world.environment("work/.venv", &interpreter);
    world.link("conda/bin/python3", &interpreter);
    world.link("bin/python3", &interpreter);
    let (named, conda, bin) = (named.to_str().unwrap(), world.text("conda"), world.text("bin"));

    let everything = [
        ("VIRTUAL_ENV", named),
        ("CONDA_PREFIX", conda.as_str()),
        ("PATH", bin.as_str()),
    ];
    let report = world.locate(&everything);
    assert_eq!(report.chosen.unwrap().source, Source::VirtualEnv);
    assert_eq!(report.attempts.len(), 1);

    assert_eq!(world.locate(&everything[1..]).chosen.unwrap().source, Source::DotVenv);

    fs::remove_dir_all(project).unwrap();
    assert_eq!(world.locate(&everything[1..]).chosen.unwrap().source, Source::Conda);
    let report = world.locate(&everything[2..]);
    assert_eq!(report.chosen.unwrap().source, Source::Path);
    let sources: Vec<_> = report
        .attempts
        .iter()
        .map(|attempt| (attempt.source, attempt.outcome))
        .collect();
    assert_eq!(
        sources,
        [
            (Source::VirtualEnv, Outcome::Absent),
            (Source::DotVenv, Outcome::Absent),
            (Source::Conda, Outcome::Absent),
            (Source::Path, Outcome::Chosen)
        ]
    );
}

#[test]
fn a_project_environment_is_found_from_a_folder_below_it() {
    let world = World::new();
    let environment = world.environment("work/.venv", &interpreters::one().path);
    let mut request = world.request();
    request.cwd = world.folder("work/packages/server/src");
    let report = symphony_loader::locate::locate(&request);
    assert_eq!(report.chosen.unwrap().prefix, environment.to_str().unwrap());
}

#[test]
fn a_folder_called_venv_that_is_none_is_passed_over_with_its_reason() {
    let world = World::new();
    world.folder("work/.venv/bin");
    world.link("bin/python3", interpreters::one().path);
    let report = world.locate(&[("PATH", &world.text("bin"))]);
    assert!(report.ok);
    assert_eq!(report.attempts[1].outcome, Outcome::Rejected);
    assert_eq!(
        report.attempts[1].reason,
        "is not a virtual environment: it has no `pyvenv.cfg`"
    );
}

#[test]
fn an_old_python_first_on_the_path_is_passed_over() {
    let world = World::new();
    world.answering("old/python3", "debian-3.9");
    world.link("bin/python", interpreters::one().path);
    let report = world.locate(&[("PATH", &format!("{}:{}", world.text("old"), world.text("bin")))]);
    let outcomes: Vec<_> = report.attempts.iter().skip(3).map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Rejected, Outcome::Chosen]);
    assert!(report.ok);
}

#[test]
fn an_option_without_a_slash_may_be_a_command() {
    let world = World::new();
    let path = interpreters::one().path;
    world.link("bin/python-of-mine", &path);
    let mut request = world.request();
    request.python = Some(String::from("python-of-mine"));
    request.env.insert(String::from("PATH"), world.text("bin"));
    assert!(symphony_loader::locate::locate(&request).ok);
}

#[test]
fn what_start_up_hooks_print_does_not_disturb_the_answer() {
    let world = World::new();
    let real = interpreters::one().path;
    let script = format!(
        "echo 'hello from a wrapper'; printf 'no newline'; exec '{}' \"$@\"",
        real.display()
    );
    world.script("noisy", &script);
    let report = world.locate_option(&world.text("noisy"));
    assert_eq!(report.chosen.unwrap().executable, real.to_str().unwrap());
}

#[test]
fn a_pyenv_shim_is_resolved_by_variable_file_and_global_version() {
    let world = World::new();
    world.pyenv(&["3.11.7", "3.12.9", "3.12.10"]);
    world.file("pyenv/version", "3.11.7\n");
    let shims = world.text("pyenv/shims");
    let version = |variables: &[(&str, &str)]| {
        let mut all = vec![("PATH", shims.as_str())];
        all.extend(variables);
        let prefix = world.locate(&all).chosen.unwrap().prefix;
        prefix.strip_prefix(&world.text("pyenv/versions/")).unwrap().to_owned()
    };
    assert_eq!(version(&[]), "3.11.7");
    world.file("work/.python-version", "# the one we use\n3.12.9\n");
    assert_eq!(version(&[]), "3.12.9");
    // A variable is stronger than a file, and a prefix means the newest release with it.
    assert_eq!(version(&[("PYENV_VERSION", "3.11.7")]), "3.11.7");
    assert_eq!(version(&[("PYENV_VERSION", "3.12")]), "3.12.10");
    world.file("elsewhere/.python-version", "python-3.11\n");
    assert_eq!(version(&[("PYENV_DIR", &world.text("elsewhere"))]), "3.11.7");
}

#[test]
fn a_pyenv_shim_that_means_the_system_gives_way_to_the_next_on_the_path() {
    let world = World::new();
    world.pyenv(&["3.12.9"]);
    world.link("bin/python3", interpreters::one().path);
    let path = format!("{}:{}", world.text("pyenv/shims"), world.text("bin"));
    for variables in [
        vec![("PATH", path.as_str())],
        vec![("PATH", path.as_str()), ("PYENV_VERSION", "system")],
    ] {
        let report = world.locate(&variables);
        let chosen = report.attempts.last().unwrap();
        assert_eq!(
            (chosen.path.clone(), chosen.outcome),
            (world.text("bin/python3"), Outcome::Chosen)
        );
    }
}

#[test]
fn shims_of_a_real_pyenv_are_resolved_as_pyenv_does() {
    let Some(root) = interpreters::pyenv_root() else { return };
    let world = World::new();
    for entry in fs::read_dir(root.join("versions")).unwrap() {
        let version = entry.unwrap().file_name().into_string().unwrap();
        let which = Command::new(root.join("bin/pyenv"))
            .args(["which", "python"])
            .envs([
                ("PYENV_VERSION", version.as_str()),
                ("PYENV_ROOT", root.to_str().unwrap()),
            ])
            .output()
            .unwrap();
        let mut request = world.request();
        request.env.insert(String::from("PYENV_VERSION"), version.clone());
        let resolved = pyenv::resolve(&root.join("shims/python"), &request);
        let expected = String::from_utf8(which.stdout).unwrap().trim().to_owned();
        assert_eq!(resolved, pyenv::Command::Shim(expected.into()), "{version}");
    }
}
