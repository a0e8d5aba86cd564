//! Several processes: the same content at a time, writers that are killed, a full disk, a fork.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use symphony_pit::domain::{AttachOptions, Domain, Durability};
use symphony_pit::store::{
    ArtifactStore, DedupStats, Description, Digest, HashAlgo, NewVersion, PutOptions, SearchQuery, Source, StoreOptions,
};
use symphony_pit::{ArtifactId, PitCode};

use crate::children::{Helper, await_order, say};
use crate::fixture::{Fixture, code, files, noise, open};

/// How many different contents the writers that are killed put, so that they often put the same.
const CONTENTS: u64 = 40;
const LINE: &str = "shared";

pub(crate) fn child(task: &str, folder: &Path) {
    let store = open(folder);
    match task {
        "put what is told" => {
            say("ready");
            while let Some(order) = await_order() {
                let bytes = noise(order.parse().unwrap(), 200_000);
                let result = store
                    .put(&bytes, &Description::default(), &PutOptions::default())
                    .unwrap();
                say(if result.newly_stored { "new" } else { "known" });
            }
        }
        "put until killed" => put_until_killed(&store),
        "write half and stay" => {
            let mut writer = store.writer(&PutOptions::default()).unwrap();
            writer.write(&noise(1, 1 << 20)).unwrap();
            say("half");
            await_order();
        }
        "fill the disk" => fill_the_disk(&store, folder),
        "fork while writing" => fork_while_writing(&store),
        other => panic!("no task `{other}`"),
    }
}

fn bytes(content: u64) -> Vec<u8> {
    let length = usize::try_from(content * content % 97).unwrap() * 10_000;
    if content.is_multiple_of(3) {
        return content.to_le_bytes().repeat(length / 8);
    }
    noise(content, length)
}

/// Puts, versions, tags and deletes in every way, and says what was answered.
fn put_until_killed(store: &std::sync::Arc<ArtifactStore>) {
    let mut random = u64::from(std::process::id());
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    loop {
        let content = next(CONTENTS);
        let bytes = bytes(content);
        let mut description = Description::default();
        description.tags = ["put".into()].into();
        let mut options = PutOptions::default();
        options.zstd = (next(3) == 0).then_some(1);
        if next(4) == 0 {
            options.durability = Durability::Durable;
        }
        let result = match next(4) {
            0 => {
                let mut writer = store.writer(&options).unwrap();
                for piece in bytes.chunks(50_000) {
                    writer.write(piece).unwrap();
                }
                writer.finish(&description, None)
            }
            1 => store.put(Source::Stream(Box::new(bytes.as_slice())), &description, &options),
            2 => {
                let new = NewVersion::of(LINE).after(store.head(LINE).unwrap());
                store.new_version(&new, &bytes, &description, &options)
            }
            _ => store.put(&bytes, &description, &options),
        };
        match result {
            Ok(result) => {
                say(&format!("put {} {content}", result.id));
                match next(6) {
                    0 => {
                        store.delete(result.id).unwrap();
                        say(&format!("deleted {} {content}", result.id));
                    }
                    1 => drop(store.sweep().unwrap()),
                    _ => {}
                }
            }
            Err(error) => assert_eq!(error.code(), PitCode::Conflict, "{error}"),
        }
    }
}

/// What was answered: artifacts and their contents, and those that were deleted.
#[derive(Default)]
struct Answered {
    put: BTreeMap<ArtifactId, u64>,
    deleted: BTreeSet<ArtifactId>,
}

impl Answered {
    fn note(&mut self, answer: &str) -> ArtifactId {
        let mut words = answer.split(' ');
        let what = words.next().unwrap();
        let id = words.next().unwrap().parse().unwrap();
        let content = words.next().unwrap().parse().unwrap();
        self.put.insert(id, content);
        if what == "deleted" {
            self.deleted.insert(id);
        }
        id
    }

    fn check(&self, store: &ArtifactStore, ids: impl IntoIterator<Item = ArtifactId>) {
        for id in ids {
            let meta = store.meta(id).unwrap();
            let bytes = bytes(self.put[&id]);
            assert_eq!(meta.digest, Digest::of(HashAlgo::Blake3, &bytes));
            // One that is not known to be deleted may have been, just before its process was killed.
            match meta.deleted {
                None => {
                    assert!(!self.deleted.contains(&id));
                    assert_eq!(*store.get(id).unwrap(), *bytes);
                }
                Some(_) => assert_eq!(code(store.get(id)), PitCode::NotFound),
            }
        }
    }
}

/// What is true whatever happens.
fn check_invariants(store: &ArtifactStore) {
    let head = store.head(LINE).unwrap();
    let versions = store.versions(LINE).unwrap();
    assert!(versions.len() >= head as usize);
    assert!((1..).zip(&versions).all(|(number, version)| version.version == number));
    for version in &versions {
        assert_eq!(store.meta(version.id).unwrap().digest, version.digest);
    }
}

/// What is true while nobody writes.
fn check_counts(store: &ArtifactStore) {
    let (stats, references) = store.count_anew().unwrap();
    assert_eq!(store.dedup_stats().unwrap(), stats);
    for (digest, count) in references {
        assert_eq!(store.info(digest.into()).unwrap().references, count);
        store.get(digest).unwrap();
    }
    let mut query = SearchQuery::default();
    query.tags = ["put".into()].into();
    query.limit = usize::MAX;
    assert_eq!(store.search(&query).unwrap().len() as u64, stats.artifacts);
}

#[test]
fn a_hundred_writers_that_are_killed_leave_nothing_half() {
    const KILLS: usize = 100;
    const AT_A_TIME: usize = 4;
    let store = Fixture::new();
    let mut answered = Answered::default();
    let mut random = 1_u64;
    for _ in 0..KILLS / AT_A_TIME {
        let mut writers: Vec<_> = (0..AT_A_TIME)
            .map(|_| Helper::start("put until killed", store.folder()))
            .collect();
        let mut new = Vec::new();
        for writer in &mut writers {
            new.push(answered.note(&writer.answer().expect("it puts")));
        }
        while let Some(mut writer) = writers.pop() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Any moment will do: there is nothing to wait for.
            std::thread::sleep(Duration::from_micros(random >> 33 & 0x3fff));
            let pid = i32::try_from(writer.pid()).unwrap();
            // SAFETY: a child of this process that was not waited for, so the number is its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            while let Some(answer) = writer.answer() {
                new.push(answered.note(&answer));
            }
            writer.kill();
            // The others may still write.
            check_invariants(&store);
        }
        answered.check(&store, new);
        check_counts(&store);
        store.sweep().unwrap();
        assert!(files(&store.folder().join("cas/new")).is_empty());
    }
    store.domain().reclaim_dead().unwrap();
    answered.check(&store, answered.put.keys().copied());
    let report = store.verify_all().unwrap();
    assert_eq!((report.damaged.len(), report.orphans), (0, 0));
    assert_eq!(
        files(&store.folder().join("cas")).len() as u64,
        store.dedup_stats().unwrap().contents,
        "no file too many"
    );
    // What they had changed is on disk, too, whoever was to copy it.
    let before = store.count_anew().unwrap();
    let store = store.restart();
    assert_eq!(store.count_anew().unwrap(), before);
    answered.check(&store, answered.put.keys().copied());
    check_counts(&store);
    check_invariants(&store);
}

#[test]
fn two_processes_that_put_the_same_content_store_it_once() {
    let store = Fixture::new();
    let mut helpers: Vec<_> = (0..2)
        .map(|_| Helper::start("put what is told", store.folder()))
        .collect();
    for helper in &mut helpers {
        helper.expect("ready");
    }
    for content in 0..30_u64 {
        for helper in &mut helpers {
            helper.order(&content.to_string());
        }
        let answers: BTreeSet<_> = helpers.iter_mut().map(|helper| helper.answer().unwrap()).collect();
        assert_eq!(answers, ["known".to_owned(), "new".to_owned()].into());
        let bytes = noise(content, 200_000);
        let digest = Digest::of(HashAlgo::Blake3, &bytes);
        assert_eq!(*store.get(digest).unwrap(), *bytes);
        assert_eq!(store.info(digest.into()).unwrap().references, 2);
    }
    for helper in helpers {
        helper.end();
    }
    assert_eq!(files(&store.folder().join("cas")).len(), 30);
    check_invariants(&store);
    assert_eq!(store.dedup_stats().unwrap(), store.count_anew().unwrap().0);
}

#[test]
fn what_a_writer_has_begun_is_removed_by_anybody_once_it_is_dead_and_not_before() {
    let store = Fixture::new();
    let unfinished = || files(&store.folder().join("cas/new")).len();
    let mut helper = Helper::start("write half and stay", store.folder());
    helper.expect("half");
    assert_eq!(store.sweep().unwrap().temporaries, 0);
    assert_eq!(unfinished(), 1);
    helper.kill();
    assert_eq!(store.sweep().unwrap().temporaries, 1);
    assert_eq!(unfinished(), 0);
    let mut helper = Helper::start("write half and stay", store.folder());
    helper.expect("half");
    helper.kill();
    let store = store.reopen();
    assert!(
        files(&store.folder().join("cas/new")).is_empty(),
        "whoever comes clears up"
    );
}

/// A limit on the size of files stands for a disk that is full: both end a write in the middle.
fn fill_the_disk(store: &std::sync::Arc<ArtifactStore>, folder: &Path) {
    let limit = libc::rlimit {
        rlim_cur: 4 << 20,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a signal is ignored, in a process of this test's own.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: the structure is complete.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    let large = noise(1, 5 << 20);
    let (plain, options) = (Description::default(), PutOptions::default());
    let error = store.put(&large, &plain, &options).unwrap_err();
    assert_eq!(error.code(), PitCode::StorageFull, "{error}");
    assert!(error.is_retryable());
    let stream = Source::Stream(Box::new(large.as_slice()));
    assert_eq!(code(store.put(stream, &plain, &options)), PitCode::StorageFull);
    let mut writer = store.writer(&options).unwrap();
    let failed = large.chunks(1 << 20).find_map(|piece| writer.write(piece).err());
    assert_eq!(failed.unwrap().code(), PitCode::StorageFull);
    assert_eq!(code(writer.write(b"more")), PitCode::InvalidTransition);
    assert_eq!(code(writer.finish(&plain, None)), PitCode::InvalidTransition);
    assert!(files(&folder.join("cas")).is_empty());
    assert_eq!(store.dedup_stats().unwrap(), DedupStats::default());
    let small = store.put(b"what fits", &plain, &options).unwrap();
    assert_eq!(&*store.get(small.id).unwrap(), b"what fits");
    say("full");
}

#[test]
fn a_disk_that_is_full_is_an_error_and_leaves_nothing_half() {
    let store = Fixture::new();
    let mut helper = Helper::start("fill the disk", store.folder());
    helper.expect("full");
    helper.end();
    assert_eq!(store.dedup_stats().unwrap().artifacts, 1);
}

#[test]
fn records_that_do_not_fit_are_an_error_and_leave_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = AttachOptions::default();
    options.any_filesystem = true;
    options.map_size = 1 << 20;
    let domain = Domain::attach(folder.path(), &options).unwrap();
    let store = ArtifactStore::open(&domain, &StoreOptions::default()).unwrap();
    let mut description = Description::default();
    description.tags = ["put".into()].into();
    description.metadata = [("filler".into(), "x".repeat(50_000))].into();
    let mut put = 0_u64;
    let error = loop {
        match store.put(&put.to_le_bytes(), &description, &PutOptions::default()) {
            Ok(_) => put += 1,
            Err(error) => break error,
        }
        assert!(put < 1000);
    };
    assert_eq!(error.code(), PitCode::StorageFull, "{error}");
    assert_eq!(store.dedup_stats().unwrap().artifacts, put);
    check_counts(&store);
    let report = store.verify_all().unwrap();
    assert_eq!((report.contents, report.orphans), (put, 0));
    drop(store);
    drop(domain);
    options.map_size = 1 << 24;
    let domain = Domain::attach(folder.path(), &options).unwrap();
    let store = ArtifactStore::open(&domain, &StoreOptions::default()).unwrap();
    store
        .put(&put.to_le_bytes(), &description, &PutOptions::default())
        .unwrap();
    check_counts(&store);
}

/// Forks a child that tries to use what it has inherited, and lets it go.
fn fork_while_writing(store: &std::sync::Arc<ArtifactStore>) {
    let mut writer = store.writer(&PutOptions::default()).unwrap();
    writer.write(b"half").unwrap();
    // SAFETY: the child uses nothing that another thread might have locked: it closes a file and looks at a flag.
    match unsafe { libc::fork() } {
        0 => {
            let refused = [
                writer.write(b"!").err(),
                store.put(b"x", &Description::default(), &PutOptions::default()).err(),
            ]
            .iter()
            .all(|error| {
                error
                    .as_ref()
                    .is_some_and(|error| error.code() == PitCode::ForkedHandle)
            });
            drop(writer);
            // SAFETY: always allowed.
            unsafe { libc::_exit(i32::from(!refused)) };
        }
        pid => {
            let mut status = 0;
            // SAFETY: a child of this process, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert_eq!(status, 0, "it was refused");
        }
    }
    writer.write(b" and whole").unwrap();
    let result = writer.finish(&Description::default(), None).unwrap();
    assert_eq!(&*store.get(result.id).unwrap(), b"half and whole");
    say("finished");
}

#[test]
fn a_forked_child_is_refused_and_does_not_disturb_what_its_parent_writes() {
    let store = Fixture::new();
    let mut helper = Helper::start("fork while writing", store.folder());
    helper.expect("finished");
    helper.end();
    assert_eq!(store.verify_all().unwrap().contents, 1);
    let live = fs::read_dir(store.folder().join("live")).unwrap().count();
    assert_eq!(live, 1);
}
