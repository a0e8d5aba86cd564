//! Remembers what interpreters answered, so that a start runs no process.
//!
//! One small file an interpreter, written aside and renamed, so that writers need no lock and readers see a whole file. An
//! entry holds only while the interpreter, its `pyvenv.cfg` and its library are the same files, by path, time and size. An entry
//! that does not parse, that is of another format or that is out of date is as good as none. Only answers that led to a usable interpreter are kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::request::Request;

/// To be raised when the meaning of an entry or the questions of the probe change.
const FORMAT: u32 = 1;

/// Variables that decide which library the dynamic linker gives an interpreter.
const LINKER_VARIABLES: [&str; 2] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// One remembered answer.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    format: u32,
    key: Key,
    /// The files that the answer depends on.
    stamps: Vec<Stamp>,
    answer: Answer,
}

/// What was asked. The file name is a hash of it, so it is also stored and compared.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    executable: PathBuf,
    linker: Vec<Option<String>>,
}

/// A file as it was.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// The end of all links.
    path: PathBuf,
    seconds: u64,
    nanoseconds: u32,
    size: u64,
}

/// What is remembered about `executable`, if it still holds.
pub fn recall(executable: &Path, request: &Request) -> Option<Answer> {
    let key = Key::of(executable, request);
    let text = fs::read(key.file(request)?).ok()?;
    let entry: Entry = serde_json::from_slice(&text).ok()?;
    let holds = entry.format == FORMAT
        && entry.key == key
        && !entry.stamps.is_empty()
        && Stamp::of(executable).as_ref() == entry.stamps.first()
        && entry.stamps[1..]
            .iter()
            .all(|stamp| Stamp::of(&stamp.path).as_ref() == Some(stamp));
    holds.then_some(entry.answer)
}

/// Remembers the answer of `executable`, unless something else answered for it.
///
/// `library` is what the answer led to. A launcher (a version manager's script, Apple's `python3`) answers with the path of
/// the interpreter that it chose this time, which must not be taken for what it chooses next time.
pub fn remember(executable: &Path, answer: &Answer, library: &Path, request: &Request) {
    let same = fs::canonicalize(executable).ok() == fs::canonicalize(&answer.executable).ok();
    if same {
        // A cache that cannot be written, on a read-only system for instance, only costs time.
        let _written = write(executable, answer, library, request);
    }
}

fn write(executable: &Path, answer: &Answer, library: &Path, request: &Request) -> Option<()> {
    static WRITES: AtomicU32 = AtomicU32::new(0);
    let key = Key::of(executable, request);
    let file = key.file(request)?;
    let configuration = environment_file(executable);
    let depends_on = [executable, library].into_iter().chain(configuration.as_deref());
    let stamps = depends_on.map(Stamp::of).collect::<Option<Vec<_>>>()?;
    let entry = Entry {
        format: FORMAT,
        key,
        stamps,
        answer: answer.clone(),
    };
    let text = serde_json::to_vec(&entry).ok()?;
    fs::create_dir_all(file.parent()?).ok()?;
    let aside = file.with_extension(format!(
        "{}-{}",
        std::process::id(),
        WRITES.fetch_add(1, Ordering::Relaxed)
    ));
    let written = fs::write(&aside, text).and_then(|()| fs::rename(&aside, &file));
    if written.is_err() {
        fs::remove_file(&aside).ok()?;
    }
    written.ok()
}

/// The `pyvenv.cfg` that makes `executable` part of a virtual environment.
pub fn environment_file(executable: &Path) -> Option<PathBuf> {
    let folder = executable.parent()?;
    [folder.parent()?, folder]
        .into_iter()
        .map(|folder| folder.join("pyvenv.cfg"))
        .find(|file| file.is_file())
}

impl Key {
    fn of(executable: &Path, request: &Request) -> Self {
        let linker = LINKER_VARIABLES
            .map(|name| request.variable(name).map(String::from))
            .to_vec();
        Self {
            executable: executable.to_path_buf(),
            linker,
        }
    }

    fn file(&self, request: &Request) -> Option<PathBuf> {
        let folder = request.cache_folder()?;
        let text = serde_json::to_vec(self).ok()?;
        Some(folder.join(format!("python-{:016x}.json", fnv1a(&text))))
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let metadata = fs::metadata(&path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            path,
            seconds: modified.as_secs(),
            nanoseconds: modified.subsec_nanos(),
            size: metadata.len(),
        })
    }
}

/// FNV-1a: the hash of std may change between compilers, and file names must not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
