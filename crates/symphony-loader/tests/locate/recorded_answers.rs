//! Judges the answers of interpreters that cannot be had here: other systems, other builds, other package managers.
//!
//! Each file of `probes/` says what an interpreter answered, which files exist, which process asks and what must come out.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use symphony_loader::answer::Answer;
use symphony_loader::remedy::{Packages, System};
use symphony_loader::verdict::{Host, judge};

#[derive(Deserialize)]
struct Recording {
    about: String,
    origin: String,
    host: RecordedHost,
    system: RecordedSystem,
    files: Vec<String>,
    answer: Answer,
    expect: Expectation,
}

#[derive(Deserialize)]
struct RecordedHost {
    bits: u32,
    architecture: String,
    musl: bool,
}

#[derive(Deserialize)]
struct RecordedSystem {
    packages: String,
    uv: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Expectation {
    Library {
        library: String,
    },
    Refusal {
        code: String,
        reason: String,
        fix: Option<String>,
    },
}

#[test]
fn every_recorded_answer_is_judged_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probes");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let recording: Recording = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = format!("{}: {}", path.file_stem().unwrap().to_string_lossy(), recording.about);
        assert!(!recording.origin.is_empty(), "{name}");
        assert_eq!(outcome(&recording), recording.expect, "{name}");
        count += 1;
    }
    assert!(count > 30, "the recordings were not found");
}

fn outcome(recording: &Recording) -> Expectation {
    let host = Host {
        bits: recording.host.bits,
        architecture: if recording.host.architecture == "aarch64" {
            "aarch64"
        } else {
            "x86_64"
        },
        musl: recording.host.musl,
    };
    let system = System {
        packages: packages(&recording.system.packages),
        uv: recording.system.uv,
    };
    let exists = |path: &str| recording.files.iter().any(|file| file == path);
    match judge(&recording.answer, host, &exists) {
        Ok(library) => Expectation::Library { library },
        Err(refusal) => Expectation::Refusal {
            code: refusal.code.as_str().to_owned(),
            reason: refusal.reason,
            fix: refusal.remedy.command(system, &exists),
        },
    }
}

fn packages(name: &str) -> Packages {
    match name {
        "Apt" => Packages::Apt,
        "Dnf" => Packages::Dnf,
        "Apk" => Packages::Apk,
        "Brew" => Packages::Brew,
        "Winget" => Packages::Winget,
        _ => Packages::Unknown,
    }
}
